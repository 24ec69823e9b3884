"""Version of the package; CITATION.cff repeats it, and a test compares."""

__version__ = "0.1.0"
