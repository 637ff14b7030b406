"""Volumes in NIfTI files, parsed slice by slice: a volume of labels, a montage, and how much there is of each class."""

from typing import TYPE_CHECKING, Any

from sceneparse.parsing.runs.volume.sources import VolumeSource, find_volumes, split_volumes

if TYPE_CHECKING:
    from sceneparse.parsing.runs.volume.run import modalities_for, predict_volumes, volumes_done

__all__ = ["VolumeSource", "find_volumes", "modalities_for", "predict_volumes", "split_volumes", "volumes_done"]


def __getattr__(name: str) -> Any:
    # Imported when first used: telling which inputs are volumes must not wait for torch.
    if name not in ("modalities_for", "predict_volumes", "volumes_done"):
        raise AttributeError(f"module 'sceneparse.parsing.runs.volume' has no attribute '{name}'")
    from sceneparse.parsing.runs.volume import run

    return getattr(run, name)
