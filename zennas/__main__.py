"""`python -m zennas` is `zennas`."""

from zennas.cli.app import main

main()
