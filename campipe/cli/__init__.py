"""The command line: `campipe --help`."""

from campipe.cli.entry import main

__all__ = ["main"]
