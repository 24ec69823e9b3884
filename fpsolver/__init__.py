"""Fokker-Planck equations of Wigner functions on phase-space grids: steady states, currents, entropy production.

The public names are listed in ``__init__.pyi``; each is imported when it is first used, so that
``fpsolver --help`` does not wait for Numba.
"""

import lazy_loader

from fpsolver._version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
