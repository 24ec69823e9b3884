"""Shared by all tests: one home for compiled kernels, and every floating-point fault an error."""

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def floating_point_faults_raise():
    with np.errstate(divide="raise", invalid="raise", over="raise"):
        yield


@pytest.fixture
def rng():
    """Reproducible random numbers."""
    return np.random.default_rng(20251122)
