"""``fpsolver schema``: the JSON schema of configurations, for completion in editors."""

from __future__ import annotations

import json
from pathlib import Path

import click

from fpsolver.cli.options import force_option, write_or_print
from fpsolver.config.schema import json_schema
from fpsolver.io.kinds import SCHEMA


@click.command("schema")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="JSON file to write (default: print it).")
@force_option
def command(output: Path | None, force: bool) -> int:
    """Print the JSON schema of configurations.

    An editor with the YAML language server completes and checks a configuration whose first line is
    `# yaml-language-server: $schema=fpsolver.schema.json` if this schema lies beside it under that name.
    """
    write_or_print(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n", output, SCHEMA, force=force)
    return 0
