"""Trackers: what follows a training beside its run folder, such as Weights & Biases, MLflow and trackio."""
