"""Physics without a grid: potentials, baths, systems, states, exact solutions."""
