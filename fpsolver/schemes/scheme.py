"""Which discretisation: a frozen choice that knows no physics."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

from fpsolver.errors import GridError
from fpsolver.kernels import stencils

ORDERS: dict[str, tuple[int, ...]] = {"central": stencils.ORDERS, "chang_cooper": (2,)}


@dataclass(frozen=True, slots=True)
class Scheme:
    """Discretisation: ``central`` fluxes of order 2, 4, 6 or 8, or ``chang_cooper`` fluxes, which have order 2.

    Without ``order`` it is the highest one: 8 or 2.
    ``reversible``: ``central`` (linear) or ``limited`` (W >= 0, nonlinear) face values of Chang-Cooper fluxes.
    """

    flux: str = "central"
    order: int = None  # type: ignore[assignment]  # what it is given then
    reversible: str = "central"

    def __post_init__(self) -> None:
        orders = ORDERS.get(self.flux, ()) if isinstance(self.flux, str) else ()
        order: object = self.order
        if order is None and orders:
            order = orders[-1]
        if not isinstance(order, Integral) or order not in orders:
            raise GridError(
                "the scheme must be flux 'central' of order 2, 4, 6 or 8, or flux 'chang_cooper' of order 2, but is "
                f"'{self.flux}' of order {order!r}"
            )
        object.__setattr__(self, "order", int(order))
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
