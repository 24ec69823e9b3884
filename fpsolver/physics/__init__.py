"""Physics without a grid: potentials, baths, systems, states and exact Gaussian solutions."""

from fpsolver.physics import exact as exact
from fpsolver.physics import states as states
