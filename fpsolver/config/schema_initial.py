"""The `initial` section: states at time 0."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from fpsolver.config.types import Positive, Row, Section, Text

OMEGA_WORDS = "frequency of the oscillator whose state it is, 1/time"
Q_WORDS = "mean position <q>, length"
P_WORDS = "mean momentum <p>"


class GaussianInitial(Section):
    """A Gaussian of given mean and covariance."""

    kind: Literal["gaussian"]
    mean: Row = Field(description="means [q, p], or [q1, .., p1, ..] of several particles")
    covariance: Annotated[list[Row], Field(min_length=2)] = Field(
        description="covariance matrix [[V_qq, V_qp], [V_qp, V_pp]], symmetric and positive definite"
    )


class ThermalInitial(Section):
    """Quantum Gibbs state of an oscillator."""

    kind: Literal["thermal"]
    beta: Positive = Field(description="inverse temperature 1/(k_B T), 1/energy")
    omega: Positive = Field(description=OMEGA_WORDS)


class CoherentInitial(Section):
    """Coherent state of an oscillator."""

    kind: Literal["coherent"]
    q: float = Field(description=Q_WORDS)
    p: float = Field(description=P_WORDS)
    omega: Positive = Field(description=OMEGA_WORDS)


class SqueezedInitial(Section):
    """Squeezed coherent state; theta = 0 squeezes q."""

    kind: Literal["squeezed"]
    q: float = Field(description=Q_WORDS)
    p: float = Field(description=P_WORDS)
    omega: Positive = Field(description=OMEGA_WORDS)
    r: Annotated[float, Field(ge=-10, le=10)] = Field(
        description="squeezing strength: variances exp(-2r) and exp(2r) times those of the vacuum"
    )
    theta: float = Field(0.0, description="squeezing angle, radians; 0 squeezes q")


class UniformInitial(Section):
    """Uniform around a periodic q, Gaussian in p."""

    kind: Literal["uniform"]
    momentum_variance: Positive = Field(description="<p^2>; m/beta gives the Maxwell distribution")


class FileInitial(Section):
    """Final W of a result, or a snapshot; on the grid of that result, or interpolated to the one that is given."""

    kind: Literal["file"]
    path: Text = Field(description="result file (HDF5) of an earlier run")
    time: float | None = Field(None, description="time of the snapshot to take; default: the final W")


class DistributionInitial(Section):
    """Values of W on a uniform grid of its own, interpolated to that of the run."""

    kind: Literal["distribution"]
    path: Text = Field(
        description="file (.npz or .h5) with q, p (or q1, .., p1, ..) and W, its values at each of these points"
    )


class FockInitial(Section):
    """Energy eigenstate of an oscillator."""

    kind: Literal["fock"]
    n: Annotated[int, Field(ge=0, le=1000)] = Field(description="number of quanta; 0 is the ground state")
    omega: Positive = Field(description=OMEGA_WORDS)


class CatInitial(Section):
    """Two coherent packets at q = +-separation/2, the second one with the factor exp(i phase)."""

    kind: Literal["cat"]
    separation: Positive = Field(description="distance between the two packets, length")
    phase: float = Field(0.0, description="relative phase, radians; 0 is the even cat, pi the odd one")
    omega: Positive = Field(description=OMEGA_WORDS)


class WavefunctionInitial(Section):
    """Pure state from arrays q and psi."""

    kind: Literal["wavefunction"]
    path: Text = Field(description="file with q (N) and psi (N): .npz, .h5, or .npy with the rows q and psi")


class DensityMatrixInitial(Section):
    """Mixed state from arrays q and rho, or rho_fock and omega."""

    kind: Literal["density_matrix"]
    path: Text = Field(description="file (.npz or .h5) with q (N) and rho (N x N), or rho_fock (n x n) and omega")


class StoredInitial(Section):
    """A state that a run was given in memory, and that its result holds."""

    kind: Literal["stored"]
    path: Text | None = Field(
        None, description="result file (HDF5) that holds the state at time 0 of its run, in /initial"
    )
    content: Text = Field("", description="what the state is, in words; written by fpsolver")
    digest: Text = Field("", description="of the arrays of the state; written by fpsolver, and compared where given")
    source: Annotated[Any, WithJsonSchema({"not": {}}), Field(repr=False)] = None  # Held, of a Given

    @property
    def omega(self) -> float | None:
        """Frequency of the oscillator whose state it is, if that is known."""
        return None if self.source is None else self.source.value.omega


Initial = Annotated[
    GaussianInitial
    | ThermalInitial
    | CoherentInitial
    | SqueezedInitial
    | UniformInitial
    | FileInitial
    | FockInitial
    | CatInitial
    | WavefunctionInitial
    | DensityMatrixInitial
    | DistributionInitial
    | StoredInitial,
    Field(discriminator="kind"),
]
