"""The model folder: config.json, model.safetensors, labels.json and README.md."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sceneparse.calls import methods_by_name
from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace, TaskLabels
from sceneparse.networks import SceneParser
from sceneparse.networks.unfilled import unfilled
from sceneparse.weights.build import build
from sceneparse.weights.config import CONFIG, LABELS, WEIGHTS, ModelConfig, read_config
from sceneparse.weights.finding import find_model
from sceneparse.weights.labels_file import read_labels
from sceneparse.weights.saving import Description, write_folder, write_weights
from sceneparse.weights.tasks import refuse_unfit_tasks

__all__ = ["Model", "ModelConfig", "find_model", "load_model", "save_model"]


@methods_by_name("model")
@dataclass(frozen=True)
class Model:
    """A network, what it is, and its classes.

    Args:
        network: The network, which is given here what its classes are in a mirror image, and its temperatures.
        config: What it is.
        labels: The objects' classes.
        tasks: The label spaces of a unified model's tasks, or None where it has no other task or they have no names.
    """

    network: SceneParser
    config: ModelConfig
    labels: LabelSpace
    tasks: TaskLabels | None = None

    def __repr__(self) -> str:
        parameters = sum(one.numel() for one in self.network.parameters())
        network = f"{self.config.network.architecture} on {self.config.backbone.name}"
        classes = repr(self.labels) if self.tasks is None else repr(self.tasks)
        return f"Model({self.config.name}: {network}, {parameters / 1e6:.1f} million parameters, {classes})"

    def __post_init__(self) -> None:
        # So that engines of the network know it, whoever makes them.
        self.network.mirror_image = self.labels.mirror_image
        self.network.temperatures = self.config.temperatures


def save_model(folder: Path, model: Model, card: str) -> None:
    """Write a model folder; it appears whole, and one that was there stays until the new one is.

    Weights are written as contiguous float32 tensors, sorted by name: equal weights give equal bytes.

    Args:
        folder: The folder; an existing model is replaced.
        model: What to write.
        card: The text of README.md (`model_card`).

    Raises:
        UserError: `folder` is something else than a model folder or an empty one.
    """
    if model.network.num_classes != len(model.labels):
        raise ValueError(
            f"the network has {model.network.num_classes} classes, but {len(model.labels)} labels are given"
        )
    description = Description(model.config, model.labels, model.tasks, card)
    write_folder(folder, description, lambda path: write_weights(path, model.network.state_dict()))


def load_model(source: str | Path) -> Model:
    """Read a model, fetched or imported first if need be.

    Args:
        source: As in `find_model`.

    Returns:
        The model, its network in evaluation mode on the CPU.

    Raises:
        UserError: No such model, or one whose files are missing, damaged or don't fit each other.
    """
    folder = find_model(source)
    config = read_config(folder / CONFIG)
    labels, tasks = read_labels(folder / LABELS)
    if tasks is not None:
        refuse_unfit_tasks(config.network, tasks, str(folder / LABELS))
    try:
        state = load_file(folder / WEIGHTS)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{folder / WEIGHTS}: damaged or cut short ({error}); copy the model again") from None
    with unfilled():
        network = build(config.backbone, config.network, len(labels))
    _check_fit(network.state_dict(), state, folder / WEIGHTS)
    network.load_state_dict(state)
    return Model(network.eval(), config, labels, tasks)


def _check_fit(wanted: Mapping[str, Tensor], state: Mapping[str, Tensor], where: Path) -> None:
    for name, value in wanted.items():
        if name not in state:
            raise UserError(f"{where}: '{name}' is missing; config.json describes another network")
        if state[name].shape != value.shape:
            shapes = f"{list(state[name].shape)}, but config.json and labels.json make it {list(value.shape)}"
            if name.endswith("classifier.weight") and state[name].shape[1:] == value.shape[1:]:
                raise UserError(f"{where}: has {state[name].shape[0]} classes, but labels.json names {value.shape[0]}")
            raise UserError(f"{where}: '{name}' is {shapes}")
    if surplus := [name for name in state if name not in wanted]:
        raise UserError(f"{where}: '{surplus[0]}' belongs to no layer; config.json describes another network")
