"""Cheap scores that choose what a search evaluates."""
