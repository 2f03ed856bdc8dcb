"""Fronts over costs and of several goals."""
