"""Published checkpoints by name: what there is, under which terms, and how one becomes a model folder here."""
