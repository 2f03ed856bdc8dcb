"""The blocks of the structure language, one file per family. CONTRIBUTING.md, "A block", shows how to add one."""
