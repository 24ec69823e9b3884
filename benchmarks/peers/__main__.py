"""Entry point of ``python benchmarks/peers``."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1])  # so that ``peers`` is a package, and its modules shadow no peer

from peers.compare import main  # noqa: E402

main()
