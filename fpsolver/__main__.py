"""``python -m fpsolver``."""

from fpsolver.cli import main

main()
