"""``fpsolver models``: the bath models, with equation and reference."""

from __future__ import annotations

import click

from fpsolver.cli.options import table
from fpsolver.config.catalogue import MODELS, BathModel

INTRODUCTION = """\
Bath models of one particle, x = (q, p):  dW/dt = -div((A x + f) W) + 1/2 div(B grad W),
A x + f = (p/m, -U'(q)) + A_bath x,  B = 2 D,  D = [[d_qq, d_qp], [d_qp, d_pp]].  Keys in [ ] may be left out;
`temperature` may stand for 1/beta.  fpsolver new MODEL writes a commented starter file.
"""


@click.command("models")
def command() -> int:
    """List the bath models with their equations and references."""
    click.echo(INTRODUCTION)
    click.echo("\n\n".join(words(model) for model in MODELS))
    return 0


def words(model: BathModel) -> str:
    """Name and keys, then one line for each thing to know."""
    rows = [
        ("A_bath", model.drift),
        ("D", model.diffusion),
        ("completely positive", model.positive),
        ("detailed balance", model.balance),
        ("reference", model.reference),
    ]
    title = f"{model.name} {{{model.keys}}}" if model.keys else model.name
    return f"{title}\n{table(rows)}"
