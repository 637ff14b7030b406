"""Losses: what is minimised, a file a loss. `table` names them, `kind` says what an entry is."""
