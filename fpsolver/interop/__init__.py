"""States to and from other packages; each is imported when one of its functions is called."""

from fpsolver.interop import qutip as qutip
