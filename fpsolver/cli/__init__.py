"""Command line: one small module for each group of commands, imported when it is called."""

from fpsolver.cli.main import main as main
