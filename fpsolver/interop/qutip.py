"""QuTiP states to Wigner functions on a grid, and back; ``pip install qutip``.

QuTiP counts quanta of an oscillator and knows no units: mass, hbar and omega say which oscillator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fpsolver.errors import GridError, UsageError
from fpsolver.grid import Grid, checked_values
from fpsolver.physics import fock
from fpsolver.physics.potentials import FloatArray

if TYPE_CHECKING:
    import qutip


def wigner(state: qutip.Qobj, grid: Grid, *, mass: float, hbar: float, omega: float) -> FloatArray:
    """Point values of W of a ket, bra or density matrix in the Fock basis, shape of the grid."""
    rho = amplitudes(state)
    _require_plane(grid)
    return fock.from_fock(rho, mass=mass, hbar=hbar, omega=omega).values(grid.coordinates)


def amplitudes(state: qutip.Qobj) -> np.ndarray:
    """Amplitudes c_n (n,) of a ket or bra, or density matrix rho_nm (n x n); UsageError for anything else."""
    package = _qutip()
    if not isinstance(state, package.Qobj) or not (state.isket or state.isbra or state.isoper):
        raise UsageError(f"a qutip.Qobj that is a ket, a bra or a density matrix is needed, but got {_named(state)}")
    if len(state.dims[0]) != 1 or len(state.dims[1]) != 1:
        raise UsageError(f"the state must be one mode, but has the dimensions {state.dims}; take a partial trace")
    if state.isoper:
        return np.asarray(state.full())
    return np.asarray((state if state.isket else state.dag()).full()).ravel()


def density_matrix(W: FloatArray, grid: Grid, *, levels: int, mass: float, hbar: float, omega: float) -> qutip.Qobj:
    """Density matrix rho_nm, n, m < levels, of W on a grid; its trace tells how much of the state they hold."""
    package = _qutip()
    _require_plane(grid)
    q, p = (axis.centres for axis in grid.axes)
    rho = fock.to_fock(checked_values(W, grid), q, p, levels=levels, mass=mass, hbar=hbar, omega=omega)
    return package.Qobj(rho)


def _named(state: Any) -> str:
    return f"one of the type {state.type}" if hasattr(state, "isket") else type(state).__name__


def _require_plane(grid: Grid) -> None:
    if len(grid.axes) != 2 or any(axis.periodic for axis in grid.axes):
        raise GridError(f"the grid must be one particle on the line (q, p), but is {grid.names}, with a ring or more")


def _qutip() -> Any:
    try:
        import qutip
    except ImportError:
        raise UsageError("QuTiP is not installed; install it with `pip install qutip`") from None
    return qutip
