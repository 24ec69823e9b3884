"""Which discretisation: a frozen choice that knows no physics."""

from __future__ import annotations

from dataclasses import dataclass

from fpsolver.errors import GridError
from fpsolver.kernels import stencils


@dataclass(frozen=True, slots=True)
class Scheme:
    """Discretisation: ``central`` fluxes of order 2, 4, 6 or 8, or ``chang_cooper`` fluxes, which have order 2.

    ``reversible``: ``central`` (linear) or ``limited`` (W >= 0, nonlinear) face values of Chang-Cooper fluxes.
    """

    flux: str = "central"
    order: int = 8
    reversible: str = "central"

    def __post_init__(self) -> None:
        orders = {"central": stencils.ORDERS, "chang_cooper": (2,)}.get(self.flux, ())
        if self.order not in orders:
            raise GridError(
                "the scheme must be flux 'central' of order 2, 4, 6 or 8, or flux 'chang_cooper' of order 2, but is "
                f"'{self.flux}' of order {self.order}"
            )
        if self.reversible not in ("central", "limited") or (self.reversible, self.flux) == ("limited", "central"):
            raise GridError(
                "reversible must be 'central', or 'limited' with flux 'chang_cooper', but is "
                f"'{self.reversible}' with flux '{self.flux}'"
            )

    @property
    def words(self) -> str:
        """Short name: ``order 8``, ``Chang-Cooper`` or ``Chang-Cooper, limited``."""
        if self.flux == "central":
            return f"order {self.order}"
        return "Chang-Cooper" if self.is_linear else "Chang-Cooper, limited"

    @property
    def is_linear(self) -> bool:
        """False if the generator is no matrix: limited face values depend on W."""
        return self.reversible != "limited"
