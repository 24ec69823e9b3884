"""Shared by all tests: every floating-point fault an error, and random cases that are the same in every run."""

import numpy as np
import pytest
from hypothesis import settings

# --hypothesis-profile=explore draws new cases in every run, and more of them
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=1000, deadline=None, print_blob=True)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def floating_point_faults_raise():
    with np.errstate(divide="raise", invalid="raise", over="raise"):
        yield


@pytest.fixture
def rng():
    """Reproducible random numbers."""
    return np.random.default_rng(20251122)
