"""``fpsolver new``: a commented configuration to start from."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

from fpsolver.cli.options import force_option, write_or_print
from fpsolver.config import catalogue
from fpsolver.errors import UsageError
from fpsolver.io.kinds import CONFIGURATION


@click.command("new")
@click.argument("model")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="YAML file to write (default: print it).")
@force_option
def command(model: str, output: Path | None, force: bool) -> int:
    """Write a commented configuration with the bath MODEL (one of `fpsolver models`)."""
    chosen = catalogue.model(model)
    if chosen is None:
        raise UsageError(unknown(model))
    write_or_print(catalogue.starter(chosen), output, CONFIGURATION, force=force)
    return 0


def unknown(name: str) -> str:
    """Sentence for a model that does not exist, with the nearest one."""
    names = [known.name for known in catalogue.MODELS]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    return f"MODEL must be one of {', '.join(names)}, but is {name!r}{hint}"
