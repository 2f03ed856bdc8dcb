"""What the tests of searches for programs share: one thread, as searches have, so that numbers are the same."""

from tests.zennas.threads import one_thread

__all__ = ["one_thread"]
