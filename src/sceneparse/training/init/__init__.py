"""Starts from a model: what of it fits a new network, and what was done with the rest."""
