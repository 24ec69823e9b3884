"""Every error fpsolver raises on purpose: a sentence for people, and the exit status the command line gives it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class FpsolverError(Exception):
    """Base of all errors of fpsolver; ``exit_status`` 3 means that a computation failed."""

    exit_status = 3


class FpsolverWarning(UserWarning):
    """Something about a run that its user should know, with the cure."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a configuration: where (dotted key), what, and how to mend it."""

    key: str
    text: str


class ConfigError(FpsolverError):
    """A configuration that cannot be used; ``faults`` lists everything wrong with it."""

    exit_status = 2

    def __init__(self, *faults: Fault, heading: str = "") -> None:
        self.faults = faults
        self.heading = heading
        super().__init__(heading, *faults)

    def __str__(self) -> str:
        lines = [f"{fault.key}: {fault.text}" if fault.key else fault.text for fault in self.faults]
        if not self.heading:
            return "\n".join(lines)
        return "\n".join([self.heading, *(f"  {line}" for line in lines)])


class UsageError(FpsolverError):
    """An argument of a command or function that cannot be used."""

    exit_status = 2


class GridError(FpsolverError):
    """A grid that cannot hold the state: too coarse, too small, or of the wrong shape."""

    exit_status = 2


class StabilityError(FpsolverError):
    """A time step beyond the stability limit of the explicit stepper."""

    exit_status = 2


class ResourceError(FpsolverError):
    """A run that does not fit into the memory of this machine."""


class NoSteadyStateError(FpsolverError):
    """A system that never becomes stationary was asked for its steady state."""

    exit_status = 2


class ConvergenceError(FpsolverError):
    """No steady state was found, or more than one; or a run of a study did not get to its end."""


class InterruptedStudyError(FpsolverError):
    """A study of several runs that was interrupted in one of them."""


class FileFormatError(FpsolverError):
    """A file that is not what its reader expects."""

    exit_status = 2


class OutputError(FpsolverError):
    """An output that cannot be written, or must not be overwritten."""

    exit_status = 2


class OutputExistsError(OutputError):
    """An output that exists already and was not to be overwritten; ``what`` leaves out the cure, in words of Python."""

    def __init__(self, what: str, cure: str = "force=True overwrites it") -> None:
        self.what = what
        super().__init__(f"{what}; {cure}")


class UnfinishedOutputError(OutputExistsError):
    """An output of which a run or sweep that was interrupted left a part, to go on from."""

    def __init__(self, what: str, cure: str = "resume=True goes on from there, force=True starts afresh") -> None:
        super().__init__(what, cure)


class InterruptedSweepError(FpsolverError):
    """A sweep that stopped before its end; ``path`` holds its rows so far, if they were kept."""

    def __init__(self, cause: str, finished: int, runs: int, path: Path | None) -> None:
        self.finished, self.path = finished, path
        kept = f"they are kept in {path}, and --resume goes on from there" if path else "they are lost"
        text = f"{cause} after {finished} of {runs} runs; {kept}"
        super().__init__(text if finished else f"{cause} before the first of {runs} runs had ended; nothing is kept")
