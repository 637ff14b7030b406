"""Where published data sets come from: the catalogue, and what fetches and unpacks them."""

from sceneparse.datasets.getting.catalogue import CATALOGUE, Download, Entry
from sceneparse.datasets.getting.get import get_dataset
from sceneparse.datasets.getting.listing import catalogue_json, describe, overview

__all__ = ["CATALOGUE", "Download", "Entry", "catalogue_json", "describe", "get_dataset", "overview"]
