"""The targets of this project, one .toml file each; `docs/targets.md` says how to add one."""
