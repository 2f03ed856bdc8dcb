"""Policies over decisions, and the searches that learn them."""
