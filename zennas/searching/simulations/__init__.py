"""Searches of a table with many seeds, and the curves of the best network."""
