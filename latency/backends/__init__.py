"""The back ends, one file each, found by `latency.base.BACKENDS`. No file has the name of the library it imports."""
