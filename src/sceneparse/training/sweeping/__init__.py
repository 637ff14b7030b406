"""Sweeps: run a table of settings, each run in a process of its own, and summarise the figures.

`running` starts the runs, `one` is what happens in a run's process, `figures` takes means and spreads, and `tables`,
`chart` and `examples` show them. `list_runs` and `run_sweep` are imported from `running`: rows whose protocols don't
hold together (`protocols`) are refused before torch is loaded.
"""
