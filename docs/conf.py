"""Sphinx configuration: Markdown pages, API from docstrings, no network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from fpsolver import __version__

project = "fpsolver"
author = "The fpsolver developers"
copyright = f"2026, {author}"
release = __version__
html_title = f"fpsolver {release}"
html_theme = "furo"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.viewcode"]
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "undoc-members": False}
exclude_patterns = ["_build"]
# tutorials are executed in the build, which fails where they do
nb_execution_mode = "force"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nitpicky = False


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("builder-inited", draw_gallery)


def draw_gallery(app: Any) -> None:
    """With ``-t gallery``: run every configuration and draw the pictures anew, three minutes."""
    if "gallery" in app.tags:
        script = Path(__file__).parents[1] / "scripts" / "figures.py"
        subprocess.run([sys.executable, str(script)], check=True)
