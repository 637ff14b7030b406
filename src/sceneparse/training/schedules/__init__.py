"""Schedules: the learning rate as a function of the iteration, one file each; `table.py` lists them."""
