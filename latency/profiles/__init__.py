"""Predictors that come with the project: `NAME.json`, and `NAME.md`, which says from what it was fitted and how well it
does.
"""
