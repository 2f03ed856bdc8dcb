"""Argument parsing of the root scripts, which have the names and flags of Zen-NAS and call `zennas.api`."""
