"""Whole collections of pictures, parsed by workers on Ray Data: on one machine, or on a cluster."""

from sceneparse.parsing.runs.collection.listing import needs_collection
from sceneparse.parsing.runs.collection.run import predict_collection

__all__ = ["needs_collection", "predict_collection"]
