"""Data sets: a file for each kind, opening a split, downloading published data sets, and writing one."""
