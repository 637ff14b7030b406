"""What a command refuses of its models, outputs and run folder before PyTorch is loaded, which takes seconds."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sceneparse.arguments import check_number
from sceneparse.cli.beforehand_data import refuse_missing_pictures
from sceneparse.cli.command import changed_protocol

if TYPE_CHECKING:
    from sceneparse.settings import Recipe
    from sceneparse.weights.config import ModelConfig


@contextmanager
def loading() -> Iterator[None]:
    """Say that PyTorch is being loaded, while a command imports what needs it."""
    if "torch" in sys.modules:
        yield
        return
    from sceneparse.processes import leads
    from sceneparse.progress import working

    with working("loading PyTorch, a few seconds", shown=leads()):
        yield


def refuse_missing_model(source: str, *, exported: bool = True) -> None:
    """Refuse a model that is not there, as far as that shows without fetching or building one.

    Args:
        source: A folder, a published checkpoint's name or a hub id.
        exported: Whether an exported file will do as well.

    Raises:
        UserError: There is none, or it is damaged.
    """
    from sceneparse.settings.engine import is_exported, refuse_missing_file
    from sceneparse.weights.finding import refuse_missing

    if exported and is_exported(Path(source)):
        refuse_missing_file(Path(source))
    else:
        refuse_missing(source)


def refuse_wrong_protocol(arguments: argparse.Namespace) -> None:
    """Refuse a protocol that is none, or values of one that no model can have.

    Args:
        arguments: Those of `protocol_arguments`.

    Raises:
        UserError: There is no such protocol, or a value is none.
    """
    from sceneparse.settings import ProtocolSettings

    changed_protocol(ProtocolSettings(), arguments)


def refuse_unfit(source: str, arguments: argparse.Namespace) -> None:
    """Refuse what a model surely cannot be asked for, as far as it and this machine are known before it is opened.

    Args:
        source: The model, which is there, or is fetched later.
        arguments: Those of `engine_arguments`; the protocol and the tasks, where the command has them.

    Raises:
        UserError: An engine, a device or a precision that it cannot have here, a protocol that doesn't hold together,
            or a task that it doesn't know.
    """
    from sceneparse.weights.at_hand import labels_at_hand, settings_at_hand

    refuse_unfit_engine(source, arguments)
    config, labels = settings_at_hand(source), labels_at_hand(source)
    if "protocol" in arguments:
        _refuse_unfit_protocol(config, arguments)
    if config is not None and labels is not None and "tasks" in arguments:
        from sceneparse.parsing.chosen_tasks import refuse_missing_tasks

        refuse_missing_tasks(config.name, labels[1], arguments.tasks)


def refuse_unfit_engine(source: str, arguments: argparse.Namespace) -> None:
    """Refuse an engine, a device or a precision that a model surely cannot have here.

    Args:
        source: The model.
        arguments: Those of `engine_arguments`.

    Raises:
        UserError: It cannot have it.
    """
    from sceneparse.settings.device import refuse_absent
    from sceneparse.settings.engine import (
        ENGINES_OF_FILES,
        OF_ENGINES,
        is_exported,
        refuse_not_installed,
        refuse_other_engine,
        refuse_unfit_for_onnxruntime,
        refuse_unfit_for_openvino,
    )

    engine, device, precision = arguments.engine, arguments.device, arguments.precision
    refuse_other_engine(source, engine)
    if is_exported(Path(source)):
        engine = ENGINES_OF_FILES[Path(source).suffix]
    if engine == "openvino":
        refuse_unfit_for_openvino(device, precision)
    refuse_absent(device)
    if engine == "onnxruntime":
        refuse_unfit_for_onnxruntime(device, precision)
    refuse_not_installed(*OF_ENGINES.get(engine, ()))


def _refuse_unfit_protocol(config: "ModelConfig | None", arguments: argparse.Namespace) -> None:
    """Refuse a protocol that doesn't hold together; where the model isn't known, as far as the arguments say it all."""
    from sceneparse.inference.protocol import check_protocol, resolve
    from sceneparse.settings import ProtocolSettings

    if config is not None:
        resolve(changed_protocol(config.protocol, arguments), config.sizes)
    elif arguments.protocol is not None:
        check_protocol(changed_protocol(ProtocolSettings(), arguments))


def refuse_unwritable_folder(folder: Path | None, name: str) -> None:
    """Refuse a folder in which a command could not write.

    Args:
        folder: The folder, where one is named.
        name: A file that goes there.

    Raises:
        UserError: It could not be written.
    """
    if folder is not None:
        from sceneparse import files

        files.refuse_unwritable_folder(folder, name)


def refuse_wrong_counts(arguments: argparse.Namespace, *names: str) -> None:
    """Refuse numbers of things of which there cannot be so many.

    Args:
        arguments: The command's.
        names: Those that count something; None is none.

    Raises:
        UserError: One of them is below 1.
    """
    for name in names:
        if (count := getattr(arguments, name)) is not None:
            check_number(name, count, least=1, whole=True)


def announce_conversions(sources: Iterable[str], arguments: argparse.Namespace) -> None:
    """Say which models are going to be converted for OpenVINO, where that is certain, and how long it takes.

    Args:
        sources: The models.
        arguments: Those of `engine_arguments`.
    """
    from sceneparse.processes import leads
    from sceneparse.weights.at_hand import folder_at_hand
    from sceneparse.weights.conversions import ANNOUNCED, is_still_to_convert, time_to_convert, untempered_fingerprint

    for source in sources if leads() else ():
        folder = folder_at_hand(source)
        if folder is None or not is_still_to_convert(folder, arguments.engine, arguments.device, arguments.precision):
            continue
        ANNOUNCED.add(untempered_fingerprint(folder))
        print(
            f"{source}: its first use with OpenVINO here, for which it is converted once, {time_to_convert(folder)}",
            file=sys.stderr,
            flush=True,
        )


def refuse_unready(recipe: "Recipe", out: Path | None, strategy: str, *, resume: bool) -> None:
    """Refuse to train where something that the recipe names is not there.

    Args:
        recipe: The recipe.
        out: The run folder, where one is named.
        strategy: How several processes hold the network, as in `train`.
        resume: Whether a training goes on there.

    Raises:
        UserError: The run folder is taken, cannot be written, or a training is going on there; the data, the model to
            start from, the backbone or its weights, the device or a tracker's package are missing; or the protocol,
            the length or what is asked of the model doesn't hold together.
    """
    from sceneparse.settings.device import refuse_absent
    from sceneparse.settings.engine import is_exported
    from sceneparse.training.changes import refuse_unresumable
    from sceneparse.training.init.beforehand import refuse_contradictions
    from sceneparse.training.taken import refuse_going, refuse_taken
    from sceneparse.training.wishes import refuse_unfit_weights
    from sceneparse.weights.asked import refuse_unobtainable
    from sceneparse.weights.timm_source import refuse_unknown_backbone

    out = out or Path("runs") / recipe.name
    refuse_going(out)
    if resume:
        if refuse_unresumable(recipe, out):  # its folder says what it needs, which is nothing if it is finished
            return
    else:
        refuse_taken(out)
    refuse_unwritable_folder(out, "recipe.yaml")
    refuse_absent(recipe.training.device)
    refuse_unknown_backbone(recipe.backbone.name)
    _refuse_unfit_recipe(recipe, strategy)
    labels = refuse_missing_pictures(recipe.data, recipe.backbone.in_channels)
    if labels is not None and isinstance(recipe.loss.class_weights, tuple):
        refuse_unfit_weights(recipe.loss.class_weights, labels.names)
    if recipe.init.model is not None:
        start = Path(recipe.init.model)
        # A checkpoint's file or a training's folder will do as well.
        if is_exported(start) or not (start.is_file() or (start / "recipe.yaml").is_file()):
            refuse_missing_model(recipe.init.model, exported=False)
        refuse_contradictions(recipe, labels)
    else:
        refuse_unobtainable(recipe.backbone)


def _refuse_unfit_recipe(recipe: "Recipe", strategy: str) -> None:
    """Refuse settings that don't fit each other, and are not refused as soon as a recipe is read."""
    from sceneparse.datasets.kinds import of_pictures_alone
    from sceneparse.inference.protocol import check_protocol, resolve
    from sceneparse.processes import membership
    from sceneparse.settings.device import may_have_cuda
    from sceneparse.training.length import refuse_too_short
    from sceneparse.training.trackers.table import TRACKERS
    from sceneparse.training.wishes import refuse_float16, refuse_fsdp_alone

    # Of pictures the training learns the sizes; of rasters and volumes there are none to learn.
    (check_protocol if of_pictures_alone(recipe.data) else resolve)(recipe.protocol)
    if membership() is None:
        refuse_fsdp_alone(strategy)
        # Of several processes the first alone has trackers, and the others must not wait for one that has ended.
        for name in recipe.tracking.trackers:
            TRACKERS[name].refuse_not_installed(name)
    if recipe.training.device != "auto" or not may_have_cuda():  # else PyTorch alone knows which one it is
        refuse_float16(recipe.training.precision, recipe.training.device.partition(":")[0])
    if recipe.training.minutes is None:
        refuse_too_short(recipe.training)
