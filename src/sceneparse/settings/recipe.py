"""The recipe: what to train on what."""

from dataclasses import dataclass, field

from sceneparse.errors import require
from sceneparse.settings.augmentation import AugmentationSettings
from sceneparse.settings.backbone import BackboneSettings
from sceneparse.settings.data import DataSettings
from sceneparse.settings.loss import UNIFIED_ONLY, LossSettings
from sceneparse.settings.network import NetworkSettings
from sceneparse.settings.optimizer import OptimizerSettings
from sceneparse.settings.preprocessing import PreprocessingSettings
from sceneparse.settings.protocol import ProtocolSettings
from sceneparse.settings.training import TrainingSettings
from sceneparse.tables import table


@dataclass(frozen=True)
class Recipe:
    """What to train on what.

    Args:
        name: The recipe's name; names the run folder.
        description: One line about it.
        backbone: The feature extractor.
        network: The network on top of it.
        data: The pictures and their truth.
        augmentation: Random changes to training pictures.
        preprocessing: Normalisation.
        optimizer: How weights are changed.
        loss: What is minimised.
        training: The loop.
        protocol: How it is validated and tested.
    """

    name: str = "recipe"
    description: str = ""
    backbone: BackboneSettings = field(default_factory=BackboneSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    data: DataSettings = field(default_factory=DataSettings)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    preprocessing: PreprocessingSettings = field(default_factory=PreprocessingSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    protocol: ProtocolSettings = field(default_factory=ProtocolSettings)

    def __post_init__(self) -> None:
        channels = self.backbone.in_channels
        given = len(self.preprocessing.mean)
        require(
            given in (1, channels),
            f"preprocessing.mean has {given} values, but backbone.in_channels is {channels}: give one each or one",
        )
        require(
            self.data.kind in ("toyworld", "mixture") or self.data.root is not None,
            "data.root is not set: name the folder of the data set (--data.root DIR)",
        )
        if not table("architectures")[self.network.architecture].learns_tasks:
            usual = LossSettings()
            for name in UNIFIED_ONLY:
                require(
                    getattr(self.loss, name) == getattr(usual, name),
                    f"loss.{name} has no effect: {self.network.architecture} learns one task, and only an architecture "
                    "of several, such as upernet_unified, weighs them",
                )
