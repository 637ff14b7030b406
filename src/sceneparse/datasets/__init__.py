"""Data sets: a file for each kind, how a split is opened, where published ones come from, and how one is written."""
