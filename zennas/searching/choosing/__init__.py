"""From the best of a search to the one that is chosen."""
