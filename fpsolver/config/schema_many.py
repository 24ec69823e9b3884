"""The `system` section of several particles: a list with springs, or a chain between two baths."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator

from fpsolver.config.schema_system import HUSIMI_WORDS, Bath, HusimiOmega, Matrices, Potential, System
from fpsolver.config.types import Positive, Section, fault

LONGEST_CHAIN = 100_000


class Particle(Section):
    """One of several particles."""

    mass: Positive = Field(description="mass of the particle")
    potential: Potential = Field(description="U(q) of this particle alone, without the springs")
    bath: Bath | None = Field(None, description="its own bath; `{model: none}` for a particle without one")


class Coupling(Section):
    """A spring between two particles, of energy stiffness (q_i - q_j)^2 / 2."""

    between: Annotated[list[int], Field(min_length=2, max_length=2)] = Field(
        description="[i, j], the numbers of two different particles, counted from 0"
    )
    stiffness: float = Field(description="spring constant, energy/length^2")


HUSIMI_WORDS_MANY = f"{HUSIMI_WORDS}; for `fpsolver.thermo.husimi`: the series of several particles have no Q"


class Several(Section):
    """Particles with baths of their own (or matrices for all of them), and springs between them."""

    particles: Annotated[list[Particle], Field(min_length=1)] = Field(
        description="the particles, in the order of their numbers 0, 1, ..."
    )
    couplings: list[Coupling] = Field([], description="springs between pairs of particles")
    matrices: Matrices | None = Field(
        None, description="instead of baths: drift and diffusion, 2N x 2N in the order q1..qN, p1..pN"
    )
    moyal: bool = Field(True, description="quantum terms of anharmonic potentials")
    husimi_omega: HusimiOmega = Field("auto", description=HUSIMI_WORDS_MANY)

    @model_validator(mode="after")
    def _one_dissipator(self) -> Several:
        for k, particle in enumerate(self.particles):
            if self.matrices is None and particle.bath is None:
                raise fault(f"particles.{k} has no bath; give it one, `bath: {{model: none}}`, or `matrices` for all")
            if self.matrices is not None and particle.bath is not None:
                raise fault(f"`matrices` stand instead of baths, but particles.{k} has a bath; leave one of them out")
        return self


class Chain(Section):
    """Equal particles in a row, each tied to its neighbours, with a bath at each end."""

    length: Annotated[int, Field(ge=2, le=LONGEST_CHAIN)] = Field(description="number of particles")
    mass: Positive = Field(description="mass of each particle")
    potential: Potential = Field(description="U(q) of each particle, which also holds the chain in its place")
    stiffness: float = Field(description="spring constant between neighbours, energy/length^2; the ends are free")
    left: Bath = Field(description="bath of the first particle")
    right: Bath = Field(description="bath of the last particle")


class ChainSystem(Section):
    """A chain between two baths."""

    chain: Chain = Field(description="the particles, springs and baths of the chain")
    moyal: bool = Field(True, description="quantum terms of anharmonic potentials")
    husimi_omega: HusimiOmega = Field("auto", description=HUSIMI_WORDS_MANY)


def _form(value: Any) -> str:
    keys = value if isinstance(value, dict) else getattr(type(value), "model_fields", ())
    return "<chain>" if "chain" in keys else "<several>" if "particles" in keys else "<flat>"


FORMS: dict[str, type[Section]] = {"<flat>": System, "<several>": Several, "<chain>": ChainSystem}
AnySystem = Annotated[
    Annotated[System, Tag("<flat>")] | Annotated[Several, Tag("<several>")] | Annotated[ChainSystem, Tag("<chain>")],
    Discriminator(_form),
]


def particles_of(system: System | Several | ChainSystem) -> list[System | Particle]:
    """Mass, potential and bath of each particle, however they were written."""
    if isinstance(system, ChainSystem):
        (_, first), (_, last) = written_particles(system)
        inner = Particle.model_construct(mass=first.mass, potential=first.potential, bath=None)
        return [first, *[inner] * (system.chain.length - 2), last]
    return [particle for _, particle in written_particles(system)]


def written_particles(system: System | Several | ChainSystem) -> list[tuple[int, System | Particle]]:
    """Numbers and sections of the particles; of a chain the two ends, between which there is nothing else."""
    match system:
        case Several():
            return list(enumerate(system.particles))
        case ChainSystem():
            chain = system.chain
            well, ends = chain.potential, ((0, chain.left), (chain.length - 1, chain.right))
            return [(k, Particle.model_construct(mass=chain.mass, potential=well, bath=bath)) for k, bath in ends]
        case _:
            return [(0, system)]


def count_of(system: System | Several | ChainSystem) -> int:
    """Number of particles."""
    if isinstance(system, ChainSystem):
        return system.chain.length
    return len(system.particles) if isinstance(system, Several) else 1


def bath_key(system: System | Several | ChainSystem, k: int) -> str:
    """Dotted key of the bath of particle ``k``."""
    match system:
        case Several():
            return f"system.particles.{k}.bath"
        case ChainSystem():
            return "system.chain.left" if k == 0 else "system.chain.right"
        case _:
            return "system.bath"


def potential_key(system: System | Several | ChainSystem, k: int) -> str:
    """Dotted key of the potential of particle ``k``."""
    match system:
        case Several():
            return f"system.particles.{k}.potential"
        case ChainSystem():
            return "system.chain.potential"
        case _:
            return "system.potential"
