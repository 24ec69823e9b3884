"""Discretisations: what a System and a Grid mean for the kernels' coefficients."""
