"""Arguments that several commands share."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from fpsolver.errors import OutputExistsError
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


def same_command_with_force(error: OutputExistsError) -> OutputExistsError:
    """The error, with the command that overwrites the file."""
    again = shlex.join(["fpsolver", *sys.argv[1:], "--force"])
    return OutputExistsError(f"{error}; to overwrite it: {again}")


def write_or_print(text: str, output: Path | None, *, force: bool) -> None:
    """Text to a file that is named on the screen, or to the screen."""
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        write_text(output, text, force=force)
    except OutputExistsError as error:
        raise same_command_with_force(error) from None
    click.echo(f"wrote {output}")


def warn(texts: list[str] | tuple[str, ...]) -> None:
    """Warnings on standard error."""
    for text in texts:
        click.echo(f"warning: {text}", err=True)


def table(rows: list[tuple[str, Any]], indent: int = 2) -> str:
    """Two aligned columns; the second starts at the same place in the tables of most commands."""
    width = max(20, *(len(label) for label, _ in rows)) + 1
    return "\n".join(f"{' ' * indent}{label:<{width}}{text}" for label, text in rows)
