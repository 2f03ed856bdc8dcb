"""The blocks of the structure language, one file a family. See CONTRIBUTING.md, "A block"."""
