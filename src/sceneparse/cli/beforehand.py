"""What a command refuses before PyTorch is loaded, which takes seconds: models, data and run folders that it lacks."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sceneparse.arguments import check_number
from sceneparse.cli.command import changed_protocol

if TYPE_CHECKING:
    from sceneparse.settings import DataSettings, Recipe


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


def refuse_missing_data(
    model: str, folder: str | None, kind: str | None, split: str | None, *, to_fit: bool = False
) -> None:
    """Refuse a data set to test on that cannot be opened.

    Args:
        model: Whose kind of data it is where no other is named; one that is still to be fetched or made says nothing.
        folder: The data set's folder, where one is given.
        kind: Its kind, where one is named.
        split: What to test on.
        to_fit: Whether the model's validation split stands for the split that is not named, not its test split.

    Raises:
        UserError: There is no such folder or split, or the folder lacks what the kind needs.
    """
    from sceneparse.datasets.kinds import KINDS
    from sceneparse.datasets.opening import data_settings, open_for_testing
    from sceneparse.settings import DataSettings
    from sceneparse.weights.at_hand import settings_at_hand

    config = settings_at_hand(model)
    if config is None:
        if kind is not None and (folder is not None or KINDS[kind].root == "none"):
            of_kind = DataSettings(kind=kind, root=folder)
            _refuse_missing_folder(of_kind, split or of_kind.test)
        return
    settings = data_settings(config.data, folder, kind, None)
    settings = replace(settings, test=split or (settings.val if to_fit else settings.test))
    if settings.kind == "folder":
        open_for_testing(settings, channels=config.backbone.in_channels)
    else:
        _refuse_missing_folder(settings, settings.test)


def refuse_unready(recipe: "Recipe", out: Path | None, *, resume: bool) -> None:
    """Refuse to train where something that the recipe names is not there.

    Args:
        recipe: The recipe.
        out: The run folder, where one is named.
        resume: Whether a training goes on there.

    Raises:
        UserError: The run folder is taken or a training is going on there, or the data, the model to start from or the
            backbone's weights are missing.
    """
    from sceneparse.training.taken import refuse_going, refuse_taken
    from sceneparse.weights.asked import refuse_unobtainable

    out = out or Path("runs") / recipe.name
    refuse_going(out)
    if resume:  # its folder says what it needs, which is nothing if it is finished
        return
    refuse_taken(out)
    _refuse_missing_pictures(recipe.data, recipe.backbone.in_channels)
    if recipe.init.model is not None:
        start = Path(recipe.init.model)
        # A checkpoint's file or a training's folder will do as well.
        if not (start.is_file() or (start / "recipe.yaml").is_file()):
            refuse_missing_model(recipe.init.model, exported=False)
    else:
        refuse_unobtainable(recipe.backbone)


def _refuse_missing_pictures(data: "DataSettings", channels: int) -> None:
    """Open a data set that is listed in a moment: the usual folder. Others are opened once, by the training."""
    if data.kind == "folder":
        from sceneparse.datasets.opening import open_for_training

        open_for_training(data, channels=channels)
    else:
        for split in (data.train, data.val):
            _refuse_missing_folder(data, split)


def refuse_missing_split(data: "DataSettings", split: str, channels: int) -> None:
    """Refuse a split of a data set that cannot be opened, as far as that shows in a moment.

    Args:
        data: The data set.
        split: The split.
        channels: Channels of the pictures.

    Raises:
        UserError: There is no such folder or split, or the folder lacks what the kind needs.
    """
    if data.kind == "folder":
        from sceneparse.datasets.opening import open_dataset

        open_dataset(data, split, channels=channels)
    else:
        _refuse_missing_folder(data, split)


def _refuse_missing_folder(data: "DataSettings", split: str) -> None:
    """Refuse a data set whose folder is not there, or that surely has no such split."""
    from sceneparse.datasets.kind import root_of
    from sceneparse.datasets.kinds import KINDS
    from sceneparse.datasets.opening import open_dataset
    from sceneparse.datasets.pieces import piece_of

    kind = KINDS[data.kind]
    if data.kind == "huggingface":  # one of the hub has a name, and takes long to be opened
        from sceneparse.datasets.huggingface import refuse_missing_folder

        refuse_missing_folder(data)
        return
    if kind.root == "required" and not root_of(data).exists():
        open_dataset(data, split)  # which says what is missing
    for one in split.split("+") if kind.splits else ():
        if piece_of(one).split not in kind.splits:
            open_dataset(data, one)  # likewise
