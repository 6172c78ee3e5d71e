"""`python -m ganbench`: the command line."""

from ganbench.cli import main

main()
