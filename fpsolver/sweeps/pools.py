"""Where runs happen: local processes, or the workers of a Dask cluster. Both are asked for the same futures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Protocol

from fpsolver.config.reader import Config
from fpsolver.errors import FpsolverError, UsageError
from fpsolver.physics import arguments
from fpsolver.sweeps import worker
from fpsolver.sweeps.axes import Changes
from fpsolver.sweeps.worker import Wanted

# a run uses one core: runs side by side gain more than threads that wait for one another
ONE_THREAD = dict.fromkeys(
    ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"), "1"
)
PATIENCE = 20.0  # seconds for a scheduler and its first worker to answer


class Pool(Protocol):
    """What the loop of a sweep asks for."""

    workers: int
    window: int  # runs handed out at a time
    advice: str  # what the user should know, or nothing

    def submit(self, config: Config, changes: Changes, wanted: Wanted) -> Future[Any]:
        """A run."""

    def restart(self) -> None:
        """After a worker has died: be ready for more."""

    def close(self) -> None:
        """Leave nothing behind."""


class LocalPool:
    """Processes of this machine, each with one thread; they live as long as the sweep."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.window = 2 * workers
        self.advice = ""
        self._executor = self._started()

    def _started(self) -> Any:
        import loky  # 0.1 s, and only sweeps need it

        # unlike the standard library's pool it needs no `if __name__ == "__main__"` in the user's script, and
        # sends objects of classes that are defined there
        with _quiet_tracker():
            return loky.ProcessPoolExecutor(
                self.workers, timeout=None, initializer=worker.start, initargs=(os.getpid(),), env=ONE_THREAD
            )

    def submit(self, config: Config, changes: Changes, wanted: Wanted) -> Future[Any]:
        """A run; of a pool that broke while it was idle, a future that says so."""
        future: Future[Any] = Future()
        try:
            future = self._executor.submit(worker.run_point, config, changes, wanted)
        except BrokenProcessPool as error:
            future.set_exception(error)
        return future

    def restart(self) -> None:
        """New processes in place of the broken pool."""
        self.close()
        self._executor = self._started()

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        self._executor.shutdown(wait=True, kill_workers=True)


@contextmanager
def _quiet_tracker() -> Iterator[None]:
    """Loky's process that removes semaphores starts here; after an interrupt it would warn of those it removes."""
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, (before, "ignore:resource_tracker:UserWarning")))
    try:
        yield
    finally:
        del os.environ["PYTHONWARNINGS"]
        if before is not None:
            os.environ["PYTHONWARNINGS"] = before


class DaskPool:
    """Workers of a Dask cluster, which replaces the dead ones itself."""

    def __init__(self, address: str) -> None:
        self._client = _connect(address)
        threads = self._client.nthreads()
        self.workers = len(threads)
        self.window = max(100, 4 * self.workers)
        self.advice = _advice(threads)
        try:
            versions = set(self._client.run(worker.version).values())
        except Exception as error:
            self.close()
            raise FpsolverError(
                f"the workers at {address} cannot import fpsolver ({error}); install it there, too"
            ) from None
        if versions != {worker.version()}:
            self.close()
            raise FpsolverError(
                f"the workers at {address} have fpsolver {', '.join(sorted(versions))}, and this is "
                f"{worker.version()}; install the same version everywhere"
            )
        self._executor = self._client.get_executor(pure=False)

    def submit(self, config: Config, changes: Changes, wanted: Wanted) -> Future[Any]:
        """A run."""
        future: Future[Any] = self._executor.submit(worker.run_point, config, changes, wanted)
        return future

    def restart(self) -> None:
        """Nothing to do: the scheduler has given up this one run and goes on with the others."""

    def close(self) -> None:
        """Leave the cluster as it was."""
        self._client.close()


def _connect(address: str) -> Any:
    try:
        from distributed import Client  # 0.5 s, and only clusters need it
    except ImportError:
        raise UsageError(
            "--scheduler needs the package distributed; pip install distributed, or use --workers"
        ) from None
    try:
        client: Any = Client(address, timeout=PATIENCE, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise UsageError(
            f"no Dask scheduler answers at {address} ({_first_line(error)}); start one with `dask scheduler`, and "
            "workers with `dask worker ADDRESS --nworkers auto --nthreads 1`"
        ) from None
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        client.close()
        raise UsageError(
            f"the scheduler at {address} has no workers; start some with "
            f"`dask worker {address} --nworkers auto --nthreads 1`"
        ) from None
    return client


def _advice(threads: dict[str, int]) -> str:
    """Sentence for workers with threads that a sweep leaves idle."""
    if max(threads.values()) == 1:
        return ""
    return (
        "a worker does one run at a time, and some workers of this cluster have several threads; "
        "start them with `--nworkers auto --nthreads 1`"
    )


def fault(future: Future[Any]) -> BaseException | None:
    """Why a future that is done has no row; None if it has one."""
    try:
        return future.exception()
    except CancelledError as error:
        return error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def local_workers(wanted: int | None, runs: int) -> int:
    """Number of local processes: one for each core, not more than runs."""
    import loky

    if wanted is not None:
        wanted = arguments.whole("the number of workers", wanted, 1)
    return max(1, min(wanted or loky.cpu_count(), runs))
