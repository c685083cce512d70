"""`python -m campipe.cli` is the command `campipe`."""

from campipe.cli.entry import main

main()
