"""What a caller changes of a recipe: typed values by group, one layer above the file."""

from collections.abc import Mapping
from typing import Any, TypedDict

from sceneparse.settings import (
    AugmentationSettings,
    BackboneSettings,
    DataSettings,
    InitSettings,
    LossSettings,
    NetworkSettings,
    OptimizerSettings,
    PreprocessingSettings,
    ProtocolSettings,
    SamplingSettings,
    TrackingSettings,
    TrainingSettings,
)


class Changes(TypedDict, total=False):
    """The settings of a recipe that are to differ from its file's.

    A group is a mapping of the settings that differ, as in a recipe's YAML, or settings that replace all of it.
    """

    name: str
    description: str
    backbone: Mapping[str, Any] | BackboneSettings
    network: Mapping[str, Any] | NetworkSettings
    init: Mapping[str, Any] | InitSettings
    data: Mapping[str, Any] | DataSettings
    sampling: Mapping[str, Any] | SamplingSettings
    augmentation: Mapping[str, Any] | AugmentationSettings
    preprocessing: Mapping[str, Any] | PreprocessingSettings
    optimizer: Mapping[str, Any] | OptimizerSettings
    loss: Mapping[str, Any] | LossSettings
    training: Mapping[str, Any] | TrainingSettings
    tracking: Mapping[str, Any] | TrackingSettings
    protocol: Mapping[str, Any] | ProtocolSettings
