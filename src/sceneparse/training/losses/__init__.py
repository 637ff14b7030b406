"""Losses: what is minimised, a file a loss."""
