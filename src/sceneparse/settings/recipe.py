"""The recipe: all settings of a training, and of the model that it gives."""

from dataclasses import dataclass, field

from sceneparse.arguments import argument
from sceneparse.errors import counted, require
from sceneparse.settings.augmentation import AugmentationSettings
from sceneparse.settings.backbone import BackboneSettings
from sceneparse.settings.data import DataSettings
from sceneparse.settings.init import InitSettings
from sceneparse.settings.loss import TASK_OF, UNIFIED_ONLY, LossSettings
from sceneparse.settings.network import NetworkSettings
from sceneparse.settings.optimizer import OptimizerSettings
from sceneparse.settings.preprocessing import PreprocessingSettings
from sceneparse.settings.protocol import ProtocolSettings
from sceneparse.settings.sampling import SamplingSettings
from sceneparse.settings.tracking import TrackingSettings
from sceneparse.settings.training import TrainingSettings
from sceneparse.settings.types import check_types
from sceneparse.tables import table


@dataclass(frozen=True)
class Recipe:
    """All settings of a training, and of the model that it gives.

    Args:
        name: The recipe's name; names the run folder.
        description: One line about it.
        backbone: The feature extractor.
        network: The network on top of it.
        init: The model that training starts from.
        data: The pictures and their truth.
        sampling: Draws that favour rare classes.
        augmentation: Random changes to training pictures.
        preprocessing: Normalisation.
        optimizer: How weights are changed.
        loss: What is minimised.
        training: The loop.
        tracking: Where its figures go besides the run folder.
        protocol: How it is validated and tested.
    """

    name: str = "recipe"
    description: str = ""
    backbone: BackboneSettings = field(default_factory=BackboneSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    init: InitSettings = field(default_factory=InitSettings)
    data: DataSettings = field(default_factory=DataSettings)
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    preprocessing: PreprocessingSettings = field(default_factory=PreprocessingSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    protocol: ProtocolSettings = field(default_factory=ProtocolSettings)

    def __repr__(self) -> str:
        training, network = self.training, f"{self.network.architecture} on {self.backbone.name}"
        length = counted(training.iterations, "iteration")
        if training.minutes is not None:
            length = f"{training.minutes:g} minutes"
        return f"Recipe({self.name}: {network}; data {self.data.kind}; {length} of batch {training.batch})"

    def __post_init__(self) -> None:
        check_types(self, "")
        channels = self.backbone.in_channels
        given = len(self.preprocessing.mean)
        require(
            given in (1, channels),
            f"preprocessing.mean has {counted(given, 'value')}, but backbone.in_channels is {channels}: give one each "
            "or one",
        )
        require(
            self.data.root is not None or table("datasets")[self.data.kind].root != "required",
            f"data.root is not set: name the folder of the data set ({argument('data.root', 'DIR')})",
        )
        self._check_draws()
        table("architectures")[self.network.architecture].refuse_unread(self.backbone, self.network)
        self._check_step()
        self._check_start()
        self._check_schedule()
        self._check_loss()

    def _check_draws(self) -> None:
        """Refuse changes of colours where there are none, and draws that change nothing."""
        channels, augmentation, sampling = self.backbone.in_channels, self.augmentation, self.sampling
        for name in ("color", "photometric"):
            require(
                not getattr(augmentation, name) or channels == 3,
                f"augmentation.{name} has no effect, since backbone.in_channels is {channels}: only pictures of three "
                "channels have colours",
            )
        require(
            sampling.rare_crops == 0 or augmentation.crop is not None,
            "sampling.rare_crops has no effect, since augmentation.crop is null: nothing is cropped",
        )
        require(
            sampling.rare_crops > 0
            or augmentation.copy_paste > 0
            or sampling.temperature == SamplingSettings().temperature,
            "sampling.temperature has no effect, since sampling.rare_crops and augmentation.copy_paste are 0: no class "
            "is drawn",
        )

    def _check_step(self) -> None:
        """Refuse what needs steps of one size where they have several, and to recompute what is frozen."""
        crop, training = self.augmentation.crop, self.training
        require(
            crop is not None or training.batch != "auto",
            "training.batch is auto, but augmentation.crop is null: pictures of any size take any amount of memory; "
            "give a crop, or a number of pictures",
        )
        require(
            crop is not None or not training.compile,
            "training.compile needs an augmentation.crop, which is null: it would compile for each size of a batch",
        )
        require(
            crop is not None or not training.graph,
            "training.graph needs an augmentation.crop, which is null: a graph is of pictures of one size",
        )
        require(
            self.backbone.frozen != "all" or not training.activation_checkpointing,
            "training.activation_checkpointing has no effect, since backbone.frozen is all: nothing of it is kept",
        )

    def _check_start(self) -> None:
        """Refuse starts that contradict each other, and rates of what does not learn or is not there."""
        frozen, init = self.backbone.frozen, self.init.model
        require(
            init is None or self.backbone.weights is None,
            f"backbone.weights is {self.backbone.weights}, which has no effect: init.model fills the backbone; set it "
            "to null",
        )
        require(
            init is not None or self.optimizer.new_factor == 1,
            "optimizer.new_factor has no effect, since init.model is null: everything but the backbone is new, and "
            "learns at optimizer.head_factor",
        )
        if frozen == "none":
            return
        require(
            init is not None or self.backbone.weights is not None,
            f"backbone.frozen is {frozen}, but its weights are random: give backbone.weights or init.model",
        )
        require(
            frozen != "all" or self.optimizer.layer_decay == 1,
            "optimizer.layer_decay has no effect, since backbone.frozen is all: no layer of the backbone learns",
        )
        stages = self.network.stages
        require(
            isinstance(frozen, str) or frozen < stages,
            f"backbone.frozen is {frozen}, but the backbone has {counted(stages, 'stage')}: give fewer, or all",
        )

    def _check_schedule(self) -> None:
        """Refuse milestones that the training doesn't reach, or may not."""
        milestones, training = self.optimizer.milestones, self.training
        if not milestones or milestones[-1] < 1:
            return
        require(
            training.minutes is None,
            "optimizer.milestones are iterations, but training.minutes leaves open how many there will be: give them "
            f"as shares, such as {argument('optimizer.milestones', [0.5, 0.75])}",
        )
        require(
            milestones[-1] < training.iterations,
            f"optimizer.milestones has {milestones[-1]:.0f}, which has no effect: training.iterations is "
            f"{training.iterations}",
        )

    def _check_loss(self) -> None:
        """Refuse losses that the training cannot sum up, and weights of losses that the network doesn't have."""
        if (accumulate := self.training.accumulate) > 1:
            undivided = table("losses")[self.loss.kind].undivided(self.loss, "chunks")
            require(
                undivided is None,
                f"training.accumulate is {accumulate}, but loss.kind {undivided} does not add up over a batch's "
                "pictures: set it to 1",
            )
        usual = LossSettings()
        require(
            self.network.aux or self.loss.aux_weight in (usual.aux_weight, 0),
            "loss.aux_weight has no effect, since network.aux is false: there is no auxiliary head",
        )
        several = table("architectures")[self.network.architecture].learns_tasks
        for name in UNIFIED_ONLY:
            given = getattr(self.loss, name)
            if given == getattr(usual, name):
                continue
            require(
                several,
                f"loss.{name} has no effect: {self.network.architecture} learns one task, and only an architecture "
                "of several, such as upernet_unified, weighs them",
            )
            task = TASK_OF.get(name)
            require(
                task is None
                or given == 0
                or bool(getattr(self.network.tasks, task))
                or task in self.network.tasks.from_data,
                f"loss.{name} has no effect, since network.tasks has no {task}",
            )
