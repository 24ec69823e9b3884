"""Numba kernels: numbers and arrays only."""
