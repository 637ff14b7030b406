"""Prepare a training: choose the device, open the data, build the network and its optimiser."""

from collections.abc import Collection, Generator
from dataclasses import dataclass, field, replace

import torch
from lightning_fabric.wrappers import _FabricModule, _FabricOptimizer
from torch import Tensor
from torch.optim import Optimizer

from sceneparse.arguments import argument
from sceneparse.data import DataSet
from sceneparse.data.batch import Batch
from sceneparse.data.class_counts import ClassCounts
from sceneparse.data.device_augment import Windows, refuse_on_device
from sceneparse.data.loader import training_batches
from sceneparse.data.sample import tasks_of
from sceneparse.data.workers import loader_workers
from sceneparse.datasets.one_class import refuse_unlearnable
from sceneparse.datasets.opening import open_for_training
from sceneparse.datasets.recognising import taken_for_folder
from sceneparse.errors import UserError, counted
from sceneparse.inference import resolve
from sceneparse.labels import LabelSpace, TaskLabels
from sceneparse.networks import SceneParser
from sceneparse.networks.exact.reading import reads_are_free
from sceneparse.networks.recompute import recompute_blocks
from sceneparse.networks.shared_batch import share_batch
from sceneparse.networks.unfilled import unfilled
from sceneparse.settings import LearntSizes, Recipe
from sceneparse.tasks import TruthName
from sceneparse.training.checkpoint import Checkpoint
from sceneparse.training.compiling import compiled
from sceneparse.training.init.report import Started
from sceneparse.training.init.start import Start, begin_from_model, refuse_new_and_frozen
from sceneparse.training.optimizer import build_optimizer, fuses, rate_factors
from sceneparse.training.progress import say_once
from sceneparse.training.sharding import is_sharded, load_optimizer
from sceneparse.training.sizes import learnt_sizes, small_crops
from sceneparse.training.start import Compute, StrategyName, refuse_different_folders, start_fabric
from sceneparse.weights.architectures import architecture_of
from sceneparse.weights.build import build
from sceneparse.weights.pretrained import load_backbone, resolve_padding
from sceneparse.weights.tasks import learnt_tasks, with_task_sizes


@dataclass(frozen=True)
class TrainingData:
    """The samples that a network learns from and is validated on.

    Args:
        training: The training split.
        validation: The validation split.
        tasks: The label spaces of the tasks that the network learns; None for the objects alone.
        sizes: The sizes of the pictures that it learns from.
    """

    training: DataSet
    validation: DataSet
    tasks: TaskLabels | None
    sizes: LearntSizes = field(default_factory=LearntSizes)

    @property
    def labels(self) -> LabelSpace:
        """The objects' classes, the same in both splits."""
        return self.training.labels


@dataclass(frozen=True)
class Learner:
    """A network and the optimiser that changes it.

    Args:
        network: The network itself.
        model: The same, as Fabric runs it: in the chosen number format, shared among the processes.
        optimizer: The optimiser itself.
        stepper: The same, as Fabric runs it.
    """

    network: SceneParser
    model: _FabricModule
    optimizer: Optimizer
    stepper: _FabricOptimizer

    @property
    def deferred(self) -> bool:
        """Whether a loss that is not finite is noticed a step later, the device having left that step out by itself."""
        return bool(self.optimizer.defaults["fused"])


@dataclass(frozen=True)
class Prepared:
    """All that a training needs before its first step.

    Args:
        recipe: The recipe, with what was open in it decided (padding, numbers of classes).
        checkpoint: Where it goes on from; None at the beginning.
        compute: Device, number format and processes.
        data: The samples.
        learner: The network and its optimiser.
        started: What was taken of a model to start from; None where there is none, or the training goes on.
    """

    recipe: Recipe
    checkpoint: Checkpoint | None
    compute: Compute
    data: TrainingData
    learner: Learner
    started: Started | None = None

    @property
    def start(self) -> int:
        """Iterations that are done already."""
        return self.checkpoint.iteration if self.checkpoint else 0

    @property
    def remaining(self) -> range:
        """The iterations that are left."""
        ended = self.checkpoint is not None and self.checkpoint.ended
        return range(self.start, self.start if ended else self.recipe.training.iterations)

    @property
    def loader_workers(self) -> int:
        """Loader processes of this process: the recipe's number, or what auto comes to here."""
        return loader_workers(self.recipe.data.workers, self.compute.fabric.device.type)

    def batches(
        self, tasks: Collection[TruthName], counts: ClassCounts | None = None
    ) -> Generator[Batch | Windows, None, None]:
        """Return the batches of the iterations that are left, this process's share of each.

        Args:
            tasks: The tasks whose truth is needed.
            counts: The training split's counts of classes, where settings go by them.
        """
        recipe, processes = self.recipe, self.compute.processes
        return training_batches(
            self.data.training,
            recipe.augmentation,
            recipe.preprocessing,
            batch=recipe.training.pictures,
            seed=recipe.training.seed,
            start=self.start,
            stop=recipe.training.iterations,
            workers=self.loader_workers,
            cache_mb=recipe.data.cache_mb,
            tasks=tasks,
            sampling=recipe.sampling,
            counts=counts,
            chunks=recipe.training.accumulate,
            rank=processes.rank,
            world=processes.world,
            narrow=not reads_are_free(self.compute.fabric.device),
            whole=recipe.data.augment_on == "host",
        )


def prepare(
    recipe: Recipe, checkpoint: Checkpoint | None, strategy: StrategyName, made_new: Collection[str] = ()
) -> Prepared:
    """Meet the other processes, open the data, and build the network with its optimiser.

    Args:
        recipe: What to train on what.
        checkpoint: Where to go on from; None to begin.
        strategy: How several processes hold the network.
        made_new: With a checkpoint: the tensors that a model to start from did not fill. The model isn't read again.

    Raises:
        UserError: There is no such device, or data, settings and checkpoint don't fit each other.
    """
    if recipe.data.augment_on == "device":
        refuse_on_device(recipe.augmentation, tasks=architecture_of(recipe.network).learns_tasks)
    compute = start_fabric(recipe, strategy, checkpoint.precision if checkpoint else None)
    refuse_different_folders(compute.processes, checkpoint.iteration if checkpoint else 0)
    if checkpoint and checkpoint.precision != compute.precision:
        raise UserError(
            f"this training computed in {checkpoint.precision}, but training.precision {recipe.training.precision} "
            f"means {compute.precision} here: give {argument('training.precision', checkpoint.precision)} to go "
            "on with it"
        )
    start: Start | None = None
    if checkpoint is None:
        # What has to be fetched is fetched once.
        with compute.fabric.rank_zero_first():
            recipe, start = begin_from_model(recipe)
    recipe, data = _open_data(recipe)
    if start is not None:
        recipe, start = start.on_classes(recipe, data.labels)
    if checkpoint and checkpoint.samples != len(data.training):
        raise UserError(
            f"the training split has {counted(len(data.training), 'sample')} now, but had {checkpoint.samples} when "
            f"this training began, and which samples a step has follows from their number: put back what is missing "
            "(a picture that cannot be mended may be replaced by another under its name), or train into another "
            f"{argument('out')} folder, from this run's model with {argument('init.model', 'RUN', option='--init RUN')}"
        )
    torch.manual_seed(recipe.training.seed)
    if checkpoint is None:
        recipe = replace(recipe, backbone=resolve_padding(recipe.backbone))
    network = build(recipe.backbone, recipe.network, len(data.labels))
    network.mirror_image = data.labels.mirror_image
    started: Started | None = None
    if checkpoint is not None:
        network.load_state_dict(checkpoint.network)
    elif start is not None:
        started = start.fill(network, recipe, data.labels, data.tasks)
        made_new = started.account.made_new()
    else:
        with compute.fabric.rank_zero_first():
            load_backbone(network, recipe.backbone)
        if recipe.backbone.weights is not None and network.backbone.inexact is not None:
            say_once(
                f"backbone {recipe.backbone.name} at output stride {recipe.network.stride}: its pretrained weights "
                f"meet other features than at stride 32: {network.backbone.inexact}; training has to make up for it"
            )
    learner = _build_learner(network, recipe, checkpoint, compute, made_new)
    return Prepared(recipe, checkpoint, compute, data, learner, started)


def _open_data(recipe: Recipe) -> tuple[Recipe, TrainingData]:
    """Open the splits of a recipe; returns the recipe with the numbers of classes that the data decide."""
    channels = recipe.backbone.in_channels
    if said := taken_for_folder(recipe.data):
        say_once(said)
    training, validation = open_for_training(recipe.data, channels=channels)
    refuse_unlearnable(training, validation, recipe.data)
    sizes = learnt_sizes(training, recipe.data, recipe.augmentation)
    if small := small_crops(sizes, recipe.data, recipe.augmentation):
        say_once(small)
    resolve(recipe.protocol, sizes)  # refuses what doesn't hold together now, not at the first validation
    labelled = tasks_of(training)
    recipe = replace(recipe, network=with_task_sizes(recipe.network, labelled, f"split '{recipe.data.train}'"))
    return recipe, TrainingData(training, validation, learnt_tasks(recipe.network, labelled), sizes)


def _build_learner(
    network: SceneParser,
    recipe: Recipe,
    checkpoint: Checkpoint | None,
    compute: Compute,
    made_new: Collection[str],
) -> Learner:
    """Freeze what is to be frozen of a filled network, and make its optimiser, as new or in a checkpoint's state."""
    fabric, frozen = compute.fabric, recipe.backbone.frozen
    if compute.processes.world > 1:
        share_batch(network, fabric.device)
    network.train()
    if frozen != "none":
        network.backbone.freeze(None if frozen == "all" else int(frozen))
        refuse_new_and_frozen(network, made_new)
    if recipe.training.activation_checkpointing and not recompute_blocks(network.backbone):
        raise UserError(
            f"training.activation_checkpointing has no effect on backbone {recipe.backbone.name}: it has no blocks "
            "that learn; leave it out"
        )
    factors = rate_factors(network, recipe.optimizer, made_new)
    network = network.to(memory_format=torch.channels_last)
    if recipe.training.compile:
        model = fabric.setup_module(compiled(network, fabric.device, compute.processes))
    else:
        model = fabric.setup_module(network)
    fused = fuses(fabric.device, compute.precision, sharded=is_sharded(network))
    optimizer = build_optimizer(network, recipe.optimizer, factors, fused=fused)
    stepper = fabric.setup_optimizers(optimizer)
    assert not isinstance(stepper, tuple)
    if checkpoint:
        load_optimizer(optimizer, checkpoint.optimizer)
        fabric.strategy.precision.load_state_dict(checkpoint.scaler)
    network.train()
    return Learner(network, model, optimizer, stepper)


def rebuilt(recipe: Recipe, labels: LabelSpace, state: dict[str, Tensor]) -> SceneParser:
    """Build a network of its own that holds a state."""
    with unfilled():
        network = build(recipe.backbone, recipe.network, len(labels))
    network.mirror_image = labels.mirror_image
    network.load_state_dict(state)
    return network
