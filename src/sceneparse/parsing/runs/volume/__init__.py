"""Volumes in NIfTI files, parsed slice by slice: a volume of labels, a montage, and how much there is of each class."""

from sceneparse.parsing.runs.volume.run import predict_volumes
from sceneparse.parsing.runs.volume.sources import VolumeSource, find_volumes, split_volumes

__all__ = ["VolumeSource", "find_volumes", "predict_volumes", "split_volumes"]
