"""Arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

config_argument = click.argument("config", type=click.Path(path_type=Path))
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change one key, e.g. system.bath.eta=1. Repeatable.",
)


def warn(texts: list[str] | tuple[str, ...]) -> None:
    """Warnings on standard error."""
    for text in texts:
        click.echo(f"warning: {text}", err=True)


def table(rows: list[tuple[str, Any]], indent: int = 2) -> str:
    """Two aligned columns."""
    width = max(len(label) for label, _ in rows) + 2
    return "\n".join(f"{' ' * indent}{label:<{width}}{text}" for label, text in rows)
