r"""The generator: a System on a Grid with a Scheme; what it does to a W, in steps and as a matrix."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from fpsolver.errors import GridError
from fpsolver.grid import Grid, check_axes, checked_values
from fpsolver.kernels.axes import PAD
from fpsolver.kernels.locks import Lock
from fpsolver.kernels.memory import empty_padded
from fpsolver.physics import arguments
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.system import System
from fpsolver.schemes.central import CentralFluxes
from fpsolver.schemes.chang_cooper import ChangCooperFluxes
from fpsolver.schemes.moyal import MoyalTerms
from fpsolver.schemes.scheme import Scheme

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["Generator", "Scheme"]

Fluxes = CentralFluxes | ChangCooperFluxes

# Two threads gain in steps from 48^2 cells on, but a call of a few steps also waits for them to start.
PARALLEL_FROM_CELLS = 80 * 80


# One stage (keep, carry, part) whose result is L W alone.
_RATE = np.array([[0.0, 0.0, 1.0]])


class Generator:
    """dW/dt = L W for the particles of a system on a grid of axes q, p, or q1, .., qN, p1, .., pN."""

    def __init__(self, system: System, grid: Grid, scheme: Scheme | None = None) -> None:
        check_axes(system, grid)
        if scheme is not None and not isinstance(scheme, Scheme):
            _refuse_scheme(scheme)
        self.system = system
        self.grid = grid
        self.scheme = scheme or Scheme()
        self.fluxes = _fluxes(system, grid, self.scheme)
        self.is_parallel = grid.size >= PARALLEL_FROM_CELLS
        self._lock = Lock()

    def __getstate__(self) -> dict[str, Any]:
        """Without the arrays for the kernels, of which a copy has no room at its ends (kernels/memory.py)."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_padded", "_work")}

    def apply(self, W: FloatArray, out: FloatArray | None = None, time: float = 0.0) -> FloatArray:
        """dW/dt at ``time``, shape of the grid; GridError if W or ``out`` does not fit. Threads take turns."""
        if out is None:
            out = np.empty(self.grid.shape)
        elif not isinstance(out, np.ndarray) or out.shape != self.grid.shape or out.dtype != float:
            _refuse_out(out, self.grid)
        elif not out.flags.writeable:
            raise GridError("out must be an array that can be written into, but is read-only; give np.empty_like(W)")
        time = arguments.moment("time", time)
        W = checked_values(W, self.grid)
        with self._lock.held:
            self.advance(self.pad(W, self._padded), self._work, time, _RATE, 0)
            out[...] = self._work[1, ..., PAD:-PAD]
        return out

    def face_fluxes(self, W: FloatArray, time: float = 0.0) -> tuple[FloatArray, ...]:
        r"""Fluxes F_a of the scheme through the faces of the cells, one array for each axis a.

        .. math:: dW_i/dt = -\sum_a (F_{a,i+1/2} - F_{a,i-1/2})/h_a

        to round-off of the largest term, with what :meth:`apply` computes. F_a has the shape of the grid, with one more
        entry along its own axis, at ``axis.faces``; units of W times those of dx_a/dt. The first and the last entry
        are the same: on rings one face, on closed axes what the reversible part carries around the box (round-off
        where W has died out), without friction and diffusion, which have walls. Quantum terms flow along the momenta.
        Differences of F_a have the order of the scheme; as values of the current at the faces F_a have order 2, and
        ``fp.thermo.currents`` gives that at the centres.
        GridError if W does not fit. docs/scheme.md.
        """
        from fpsolver import fluxes  # no run needs it

        W = checked_values(W, self.grid)
        return fluxes.through_faces(W, self.grid, self.fluxes_at(arguments.moment("time", time)))

    def advance(self, W: FloatArray, work: FloatArray, time: float, stages: FloatArray, steps: int) -> None:
        """Steps of stages (keep, carry, part) on padded arrays; with steps = 0, L W goes into ``work[1]``.

        Each stage makes keep W + carry source + part L(source), where the source is the result of the stage before.
        Coefficients that depend on time are those of ``time`` throughout; steppers average them (``run``).
        """
        self.run(self.fluxes_at(time), W, work, stages, steps)

    def run(self, fluxes: Fluxes, W: FloatArray, work: FloatArray, stages: FloatArray, steps: int) -> None:
        """The same with given fluxes. Serial or parallel kernel: chosen by the grid, never by threads: same bits."""
        fluxes.advance(W, work, stages, steps, parallel=self.is_parallel)

    def fluxes_at(self, time: float) -> Fluxes:
        """Fluxes at ``time``; ``self.fluxes`` are those of late times."""
        return self.fluxes if time >= self.system.settled else self.fluxes_of(self.system.at(time))

    def fluxes_of(self, system: System) -> Fluxes:
        """Fluxes of another system on this grid with this scheme, such as this one frozen."""
        return _fluxes(system, self.grid, self.scheme)

    def to_sparse(self) -> csr_array:
        """The same operator as a sparse matrix on W.ravel(); GridError for limited fluxes, which are not linear."""
        if self.system.is_time_dependent:
            raise GridError(
                "coefficients that change with time have no one matrix; freeze them: Generator(system.at(time), grid)"
            )
        from fpsolver import assembly  # scipy.sparse takes 0.2 s to import and no run needs it

        return assembly.assemble(self)

    def pad(self, W: FloatArray, padded: FloatArray) -> FloatArray:
        """Copy W into an array with halos, as the kernels want it."""
        padded[..., PAD:-PAD] = W
        padded[..., :PAD] = W[..., -PAD:]
        padded[..., -PAD:] = W[..., :PAD]
        return padded

    def empty_padded(self) -> FloatArray:
        """Uninitialised array with halos, and room at its ends that kernels read: not to be replaced by a copy."""
        return np.asarray(empty_padded(self.grid.shape)[0])

    def empty_work(self) -> FloatArray:
        """Two uninitialised arrays with halos."""
        return empty_padded(self.grid.shape, 2)

    @cached_property
    def _padded(self) -> FloatArray:
        return self.empty_padded()

    @cached_property
    def _work(self) -> FloatArray:
        return self.empty_work()


def _refuse_out(out: object, grid: Grid) -> NoReturn:
    given = f"{out.dtype} of {out.shape}" if isinstance(out, np.ndarray) else arguments.shown(out)
    raise GridError(f"out must be float64 of shape {grid.shape}, but is {given}; give np.empty({grid.shape})")


def _refuse_scheme(scheme: object) -> NoReturn:
    """The section of a configuration looks the same when it is printed."""
    is_section = type(scheme).__module__.startswith("fpsolver.config")
    given = "the scheme section of a configuration" if is_section else arguments.shown(scheme)
    raise GridError(
        f"scheme must be a fpsolver.Scheme, but is {given}; write Scheme(order=8), or "
        "fpsolver.build_generator(config, grid) for what a configuration says"
    )


def _fluxes(system: System, grid: Grid, scheme: Scheme) -> Fluxes:
    if scheme.flux == "central":
        return CentralFluxes(system, grid, scheme.order)
    if system.size > 1:
        raise GridError("scheme.flux: chang_cooper takes one particle; use flux: central for several")
    if not MoyalTerms(system, grid, 2).is_empty:
        raise GridError(
            "scheme.flux: chang_cooper has no quantum (Moyal) terms, which this potential needs; use flux: central, or "
            "system.moyal: false for the classical force"
        )
    return ChangCooperFluxes(system, grid, limited=not scheme.is_linear)
