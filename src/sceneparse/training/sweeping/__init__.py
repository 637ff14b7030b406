"""Sweeps: run a table of settings, each run in a process of its own, and summarise the figures.

`running` starts the runs, `one` is what happens in a run's process, `figures` takes means and spreads, and `tables`,
`chart` and `examples` show them.
"""

from sceneparse.training.sweeping.running import list_runs, run_sweep

__all__ = ["list_runs", "run_sweep"]
