"""Whole collections of pictures, parsed by workers on Ray Data: on one machine, or on a cluster."""

from typing import TYPE_CHECKING, Any

from sceneparse.parsing.runs.collection.addresses import needs_collection

if TYPE_CHECKING:
    from sceneparse.parsing.runs.collection.run import predict_collection

__all__ = ["needs_collection", "predict_collection"]


def __getattr__(name: str) -> Any:
    # Imported when first used: telling which inputs are collections must not wait for torch.
    if name != "predict_collection":
        raise AttributeError(f"module 'sceneparse.parsing.runs.collection' has no attribute '{name}'")
    from sceneparse.parsing.runs.collection.run import predict_collection

    return predict_collection
