"""The argument parsing of the root scripts, whose names and flags are those of Zen-NAS: adapters onto `zennas.api`."""
