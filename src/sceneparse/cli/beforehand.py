"""What a command refuses before PyTorch is loaded, which takes seconds: models, data and run folders that it lacks."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

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

    # A log need not say it of each command.
    with working("loading PyTorch, a few seconds", shown=leads() and sys.stderr.isatty()):
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


def announce_conversions(sources: Iterable[str], arguments: argparse.Namespace) -> None:
    """Say which models are going to be converted for OpenVINO, where that is certain, and how long it takes.

    Args:
        sources: The models.
        arguments: Those of `engine_arguments`.
    """
    from sceneparse.processes import leads
    from sceneparse.weights.config import CONFIG
    from sceneparse.weights.conversions import is_still_to_convert, time_to_convert
    from sceneparse.weights.foreign import is_foreign

    for source in sources if leads() else ():
        folder = Path(source)
        if not (folder / CONFIG).is_file() or is_foreign(folder):
            continue
        if is_still_to_convert(folder, arguments.engine, arguments.device, arguments.precision):
            print(
                f"{source}: its first use with OpenVINO here, for which it is converted once, "
                f"{time_to_convert(folder)}",
                file=sys.stderr,
                flush=True,
            )


def refuse_missing_data(model: str, folder: str | None, kind: str | None, split: str | None) -> None:
    """Refuse a data set to test on that cannot be opened.

    Args:
        model: Whose kind of data it is where no other is named; one that is still to be fetched says nothing.
        folder: The data set's folder, where one is given.
        kind: Its kind, where one is named.
        split: What to test on.

    Raises:
        UserError: There is no such folder or split, or the folder lacks what the kind needs.
    """
    from sceneparse.weights.config import CONFIG, read_config
    from sceneparse.weights.foreign import is_foreign

    if folder is None or not (Path(model) / CONFIG).is_file() or is_foreign(Path(model)):
        return
    config = read_config(Path(model) / CONFIG)
    trained = config.data
    settings = trained if kind in (None, trained.kind) else trained.of_kind(str(kind))
    if settings.kind == "folder":
        from sceneparse.datasets.opening import open_for_testing

        settings = replace(settings, root=folder, test=split or settings.test)
        open_for_testing(settings, channels=config.backbone.in_channels)


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
    from sceneparse.datasets.kind import root_of
    from sceneparse.datasets.kinds import KINDS

    if data.kind == "folder":
        from sceneparse.datasets.opening import open_for_training

        open_for_training(data, channels=channels)
    elif KINDS[data.kind].root == "required" and not root_of(data).exists():
        from sceneparse.datasets.opening import open_dataset

        open_dataset(data, data.train, channels=channels)  # which says what is missing
