"""Data sets: a file for each kind, how a split is opened, where published ones come from, and how one is written."""

from sceneparse.datasets.opening import open_dataset
from sceneparse.datasets.show import show
from sceneparse.datasets.writing import export_dataset

__all__ = ["export_dataset", "open_dataset", "show"]
