"""Sweeps: the runs of a table of settings, one process each, and what they come to.

`running` starts the runs, `one` is what happens in a run's process, `figures` takes means and spreads, and `tables`,
`chart` and `examples` show them.
"""

from sceneparse.training.sweeping.running import list_runs, run_sweep

__all__ = ["list_runs", "run_sweep"]
