"""Entry point: the list of commands, errors turned into one paragraph and an exit status."""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import click

from fpsolver._version import __version__
from fpsolver.cli import signals, streams
from fpsolver.errors import FpsolverError, UsageError

STARTED = time.perf_counter()
COMMANDS = {
    "run": "Run a configuration to its end and write the result.",
    "check": "Say what a configuration will do; run nothing.",
    "sweep": "Run a configuration over a grid of parameter values.",
    "plot": "Draw figures of results and sweeps.",
    "animate": "Write a film of a result.",
    "report": "Write a page about a result that works in any browser, offline.",
    "info": "Say what is in a result.",
    "spectrum": "Print the slowest relaxation modes, beside the exact ones.",
    "convergence": "Print errors and observed orders on finer and finer grids.",
    "models": "List the bath models with equations and references.",
    "new": "Write a commented configuration to start from.",
    "schema": "Print the JSON schema of configurations, for editors.",
}


class LazyCommands(click.Group):
    """Commands that live in ``fpsolver.cli.<name>`` and are imported when used: ``--help`` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of that name."""
        del ctx
        if name not in COMMANDS:
            return None
        try:
            command: click.Command = importlib.import_module(f"fpsolver.cli.{name}").command
            if any(variable.startswith("NUMBA_THREADING_LAYER") for variable in os.environ):  # it could end a run
                importlib.import_module("fpsolver.kernels.starting").check_threads()
        except ValueError as error:  # of Numba, as it is loaded
            count = os.environ.get("NUMBA_NUM_THREADS", "")
            if "threads" not in str(error) or not count:
                raise
            text = f"NUMBA_NUM_THREADS must be at least 1, but is {count}; change this variable, or unset it"
            raise UsageError(text) from None
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table, without importing anything."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fpsolver")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Fokker-Planck equations of Wigner functions: steady states, currents, entropy production."""
    del debug  # taken out of the arguments by status_of, wherever it stands


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 success, 2 bad usage or configuration, 3 failed computation.

    Ends without taking Python apart, which with Numba and LLVM loaded costs 0.4 s; files are closed by now.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    streams.replace_missing()
    # importing makes 300,000 objects that stay: up to 0.1 s of collecting nothing. Sweeps leave garbage behind.
    gc.set_threshold(100_000 if "sweep" in arguments else 1_000_000)
    status = status_of(arguments)
    with contextlib.suppress(OSError):  # nobody reads, or there is no room: that was said, or cannot be
        sys.stdout.flush()
    os._exit(status)


def status_of(arguments: list[str]) -> int:
    """Run the command line and return its exit status."""
    out, err = sys.stdout, sys.stderr
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        with signals.caught(signals.once(signals.interrupt), *signals.TERMINATE):
            status: Any = cli.main(arguments, prog_name="fpsolver", standalone_mode=False)
        return int(status or 0)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        with signals.caught(signals.ignore, *signals.ALL):
            click.echo("fpsolver: interrupted; nothing was written", err=True)
        return 3
    except SystemExit:  # how click answers a broken pipe, with other streams
        if sys.stdout is out:
            raise
        sys.stdout, sys.stderr = out, err
        return _after_broken_pipe()
    except (FpsolverError, MemoryError, ImportError, OSError, SystemError) as error:  # the last: imports without memory
        if debug:
            traceback.print_exc()
        click.echo(f"fpsolver: {_sentence(error)}", err=True)
        return error.exit_status if isinstance(error, FpsolverError) else 3


def _after_broken_pipe() -> int:
    """Status 0 if the reader of standard output (head, less) has gone: say nothing more, not even at exit."""
    if streams.is_unread(sys.stdout.fileno()):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    click.echo("fpsolver: the system refused: broken pipe", err=True)
    return 3


def _sentence(error: Exception) -> str:
    """What happened, for a user."""
    if isinstance(error, FpsolverError):
        return str(error)
    if isinstance(error, MemoryError):
        return "there is not enough memory for this run; give fewer cells"
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        return f"the system refused: {(error.strerror or str(error)).lower()}{where}{_cure(error)}"
    reason = (str(error).strip().splitlines() or ["no reason is given"])[-1]  # also of a library that found no memory
    return f"a library cannot be loaded, for lack of memory or badly installed: {reason}"


def _cure(error: OSError) -> str:
    """What helps, if that is known."""
    if error.errno == errno.EMFILE:
        return " (raise the limit with `ulimit -n`)"
    try:
        Path.cwd()
    except FileNotFoundError:
        return " (the working folder has been removed; change to another)"
    places = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    is_cache = any(place.startswith("numba.") for place in places)
    return " (set NUMBA_CACHE_DIR to a folder with room for compiled kernels)" if is_cache else ""
