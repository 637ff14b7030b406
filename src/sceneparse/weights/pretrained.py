"""Pretrained backbones: from timm's hub, or from a file with timm's or torchvision's names."""

import dataclasses
import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from timm.models import adapt_input_conv
from torch import Tensor

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.networks import SceneParser
from sceneparse.networks.backbones import Backbone, natural_padding, takes_padding, usual_padding, weights_repository
from sceneparse.settings import BackboneSettings, Padding
from sceneparse.weights.asked import HUB, not_fetched, refuse_missing_weights
from sceneparse.weights.importing.programs import program_in
from sceneparse.weights.reaching import without_retries


def resolve_padding(backbone: BackboneSettings) -> BackboneSettings:
    """Decide `backbone.padding`: what is set, else what the weights were trained with, else "symmetric".

    Weights were trained with what timm builds the model with, unless a `.safetensors` file says another in its
    metadata ("pad_type"), which timm's own files lack.

    Raises:
        UserError: The weights file is missing, damaged or names a padding that does not exist.
    """
    if backbone.padding is not None:
        return backbone
    padding: Padding
    if backbone.weights is None:
        padding = usual_padding(backbone.name)
    elif backbone.weights != HUB and Path(backbone.weights).suffix == ".safetensors":
        stated = _metadata(Path(backbone.weights)).get("pad_type")
        # timm's word for symmetric padding is no word.
        known: dict[str, Padding] = {"": "symmetric", "symmetric": "symmetric", "same": "same"}
        if stated is not None and stated not in known:
            raise UserError(
                f"{backbone.weights}: its metadata says pad_type '{stated}'; set backbone.padding to symmetric or same"
            )
        padding = natural_padding(backbone.name)
        # Weights of another backbone, whose padding this one hasn't, are refused when they are loaded.
        if stated is not None and takes_padding(backbone.name, known[stated]):
            padding = known[stated]
    else:
        padding = natural_padding(backbone.name)
    return dataclasses.replace(backbone, padding=padding)


def load_backbone(network: SceneParser, backbone: BackboneSettings) -> None:
    """Put the weights that `backbone.weights` names into the network's backbone; None leaves it random.

    Files may hold a whole classification network; what timm's model of that name has beyond its features is dropped.
    With other than three input channels the first convolution is adapted: summed over the colours for one channel,
    otherwise the colours are repeated and scaled so that responses keep their size.

    Raises:
        UserError: No network for "hub", an unreadable file, or weights that don't fit this backbone.
    """
    if backbone.weights is None:
        return
    if backbone.weights == HUB:
        _load_from_hub(network.backbone, backbone)
        return
    path = Path(backbone.weights)
    state = _renamed(network.backbone.convert_weights(_read(path)), network.backbone)
    state = _adapted(state, network.backbone, backbone.in_channels)
    _fill(network.backbone, state, str(path))


def _load_from_hub(target: Backbone, backbone: BackboneSettings) -> None:
    with without_retries() as why:
        try:
            target.load_hub_weights(backbone.in_channels)
        except LookupError:
            raise UserError(
                f"backbone {backbone.name}: timm has no weights of it; give a file of torchvision's with "
                "backbone.weights, or null to start from random weights"
            ) from None
        except Exception as error:  # network, disk, or a model without weights: all are for the user to mend
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            # A model without weights is none the network's fault.
            unknown = isinstance(error, ValueError) and "there are no weights of" in reason
            if unknown:
                raise UserError(
                    f"backbone {backbone.name}: {reason}; give {argument('backbone.weights', 'FILE')}, or null to "
                    "start from random weights"
                ) from error
            raise UserError(not_fetched(backbone.name, why or reason, weights_repository(backbone.name))) from error


def _metadata(path: Path) -> dict[str, str]:
    refuse_missing_weights(path)
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a readable safetensors file ({error}); fetch it again") from None


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file under plain names; nothing in it is ever run."""
    refuse_missing_weights(path)
    content: object
    if path.suffix == ".safetensors":
        try:
            content = load_file(path)
        except (SafetensorError, OSError) as error:
            raise UserError(f"{path}: not a readable safetensors file ({error}); fetch it again") from None
    elif path.suffix in (".pth", ".pt"):
        if program := program_in(path):
            raise UserError(f"{path}: {program}")
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(
                f"{path}: cannot be read as plain weights ({reason}); save its state_dict alone, or as .safetensors"
            ) from None
    else:
        raise UserError(f"{path}: weights must be a .safetensors, .pth or .pt file")
    while isinstance(content, Mapping) and (nested := [key for key in ("state_dict", "model") if key in content]):
        content = content[nested[0]]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise UserError(f"{path}: holds no state_dict (names and tensors); save model.state_dict()")
    return {str(name).removeprefix("module."): value for name, value in content.items()}


DEEP_STEM = {
    "conv1.": "conv1.0.",
    "bn1.": "conv1.1.",
    "conv2.": "conv1.3.",
    "bn2.": "conv1.4.",
    "conv3.": "conv1.6.",
    "bn3.": "bn1.",
}
"""The three convolutions of a ResNet's deep stem: names in the original PSPNet release, and in timm."""


def _renamed(state: dict[str, Tensor], target: Backbone) -> dict[str, Tensor]:
    """The file's tensors under the names of `target.body`; names that it doesn't have stay as they are."""
    wanted = target.body.state_dict()
    if "conv1.6.weight" in wanted and "conv3.weight" in state:
        renamed = {}
        for name, value in state.items():
            prefix = name[: name.find(".") + 1]
            renamed[DEEP_STEM.get(prefix, prefix) + name[len(prefix) :]] = value
        state = renamed
    # Where timm flattens a model to get at its features, "stages.0.x" becomes "stages_0.x".
    return {
        flat if name not in wanted and (flat := name.replace(".", "_", 1)) in wanted else name: value
        for name, value in state.items()
    }


def _adapted(state: dict[str, Tensor], target: Backbone, in_channels: int) -> dict[str, Tensor]:
    for name in target.first_weights():
        weight = state.get(name)
        if weight is not None and weight.ndim == 4 and weight.shape[1] == 3 != in_channels:
            return state | {name: adapt_input_conv(in_channels, weight)}
    return state


def _fill(target: Backbone, state: dict[str, Tensor], where: str) -> None:
    """Load strictly: everything in the backbone is filled, and only the rest of its classification network is left."""
    wanted = target.body.state_dict()
    beyond = tuple(target.classifier_keys())
    # Files from before torch 0.4.1 lack the count of batches, which nothing here reads.
    missing = [name for name in wanted if name not in state and not name.endswith("num_batches_tracked")]
    surplus = [name for name in state if name not in wanted and not name.startswith(beyond)]
    wrong = [name for name in state if name in wanted and state[name].shape != wanted[name].shape]
    for what, names in (("it lacks", missing), ("it also has", surplus)):
        if names:
            raise UserError(
                f"{where}: not weights of backbone {target.name}: {what} {_first(names)}; "
                "give a file with timm's or torchvision's names for this backbone"
            )
    if wrong:
        raise UserError(
            f"{where}: not weights of backbone {target.name}: {wrong[0]} is {_shape(state[wrong[0]])}, "
            f"but should be {_shape(wanted[wrong[0]])}"
        )
    target.body.load_state_dict({name: state.get(name, value) for name, value in wanted.items()})


def _first(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape))
