"""Arguments that several commands share."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from fpsolver.config.reader import Config
from fpsolver.errors import OutputError, OutputExistsError, UnfinishedOutputError
from fpsolver.io.paths import write_text

config_argument = click.argument("config", type=click.Path(path_type=Path))
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change one key, e.g. system.bath.eta=1. Repeatable.",
)

force_option = click.option("--force", is_flag=True, help="Overwrite an existing output.")


@contextlib.contextmanager
def naming_the_command() -> Iterator[None]:
    """An output that exists is answered with the command that goes on with it, if any, or overwrites it."""
    try:
        yield
    except UnfinishedOutputError as error:
        cure = f"to go on from there: {_again('--resume')}; to give that up and start afresh: {_again('--force')}"
        raise UnfinishedOutputError(error.what, cure) from None
    except OutputExistsError as error:
        raise OutputExistsError(error.what, f"to overwrite it: {_again('--force')}") from None


def _again(option: str) -> str:
    """The command that was given, with one more option."""
    return shlex.join(["fpsolver", *(word for word in sys.argv[1:] if word != "--resume"), option])


def refuse_itself(config: Path, output: Path) -> None:
    """OutputError if the output is the configuration."""
    if output.exists() and config.exists() and output.samefile(config):
        raise OutputError(
            f"the output {output} is the configuration itself, which is never overwritten; give another name (-o, or "
            "output.path of a run)"
        )


def refuse_start(config: Config, output: Path) -> None:
    """OutputError if the output is a file of which the run makes its initial state, also by way of links."""
    for path in map(Path, _paths_in(config.model_dump(include={"initial"}))):
        if output.exists() and path.exists() and output.samefile(path):
            raise OutputError(
                f"the output {output} is the initial state of this run ({path}), which is never overwritten; give "
                "another name (-o, or output.path)"
            )


def _paths_in(node: Any) -> list[str]:
    """Values of the keys `path`, at any depth."""
    if isinstance(node, list | tuple):
        return [path for item in node for path in _paths_in(item)]
    if not isinstance(node, dict):
        return []
    own = [node["path"]] if isinstance(node.get("path"), str) else []
    return own + _paths_in(list(node.values()))


def write_or_print(text: str, output: Path | None, kind: str, *, force: bool) -> None:
    """Text to a file that is named on the screen, or to the screen; only a file of that kind is replaced."""
    if output is None:
        click.echo(text, nl=False)
        return
    with naming_the_command():
        write_text(output, text, force=force, kinds=(kind,))
    click.echo(f"wrote {output}")


def warn(texts: list[str] | tuple[str, ...]) -> None:
    """Warnings on standard error."""
    for text in texts:
        click.echo(f"warning: {text}", err=True)


def table(rows: list[tuple[str, Any]], indent: int = 2) -> str:
    """Two aligned columns; the second starts at the same place in the tables of most commands."""
    width = max(20, *(len(label) for label, _ in rows)) + 1
    return "\n".join(f"{' ' * indent}{label:<{width}}{text}" for label, text in rows)
