"""Settings: what a recipe can say, with its defaults.

A recipe is a YAML file that holds only what differs from these defaults. Every value can also be given on the command
line under the same dotted name (`--training.iterations 2000`). Nothing here knows what a setting does; each docstring
is its help text.
"""

from sceneparse.settings.augmentation import AugmentationSettings
from sceneparse.settings.average import AverageSettings
from sceneparse.settings.backbone import (
    BackboneSettings,
    Dilation,
    Frozen,
    Padding,
    ShortcutPool,
    Stage3End,
    StemActivation,
    StrideOn,
    Windows,
)
from sceneparse.settings.classes import ClassSettings as ClassSettings
from sceneparse.settings.data import (
    DataSettings,
    HuggingFaceSettings,
    NiftiSettings,
    SourceSettings,
    ToyWorldSettings,
)
from sceneparse.settings.init import InitSettings
from sceneparse.settings.loss import LossSettings
from sceneparse.settings.network import Branch, NetworkSettings, Pool, Resampling
from sceneparse.settings.optimizer import OptimizerSettings
from sceneparse.settings.preprocessing import PreprocessingSettings
from sceneparse.settings.protocol import ProtocolSettings
from sceneparse.settings.recipe import Recipe
from sceneparse.settings.sampling import SamplingSettings
from sceneparse.settings.sizes import LearntSizes
from sceneparse.settings.tasks import SceneHead, TaskSettings
from sceneparse.settings.temperatures import Temperatures
from sceneparse.settings.tracking import TrackingSettings
from sceneparse.settings.training import Precision, TrainingSettings

__all__ = [
    "AugmentationSettings",
    "AverageSettings",
    "BackboneSettings",
    "Branch",
    "DataSettings",
    "Dilation",
    "Frozen",
    "HuggingFaceSettings",
    "InitSettings",
    "LearntSizes",
    "LossSettings",
    "NetworkSettings",
    "NiftiSettings",
    "OptimizerSettings",
    "Padding",
    "Pool",
    "Precision",
    "PreprocessingSettings",
    "ProtocolSettings",
    "Recipe",
    "Resampling",
    "SamplingSettings",
    "SceneHead",
    "ShortcutPool",
    "SourceSettings",
    "Stage3End",
    "StemActivation",
    "StrideOn",
    "TaskSettings",
    "Temperatures",
    "ToyWorldSettings",
    "TrackingSettings",
    "TrainingSettings",
    "Windows",
]
