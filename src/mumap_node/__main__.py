"""Run the command line with ``python -m mumap_node``."""

from mumap_node.cli import main

main()
