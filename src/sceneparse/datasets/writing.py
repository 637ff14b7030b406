"""`sceneparse data export` as a function: write a data set as a folder of pictures, masks and a `classes.json`."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from sceneparse.data.sample import DataSet
from sceneparse.datasets.kinds import KINDS
from sceneparse.datasets.opening import open_dataset
from sceneparse.errors import MissingSplitError, UserError, require
from sceneparse.files import write_json
from sceneparse.labels import IGNORE, LabelSpace
from sceneparse.pictures.masks import write_mask
from sceneparse.pictures.reading import write_picture
from sceneparse.progress import progress_bar
from sceneparse.settings import DataSettings

RECORD = "exported.json"
"""What a written folder came from."""


def export_dataset(settings: DataSettings, out: Path, *, progress: bool = True) -> dict[str, int]:
    """Write the splits that `settings` names as train, val and test in the layout of the kind `folder`.

    Pictures become PNG files and masks palette images that hold the label space's ids; samples keep their names. The
    objects alone are written, of data sets that label more. `classes.json` comes last: without it, a folder whose
    writing was stopped is no data set.

    Args:
        settings: The data set.
        out: A folder that is new or empty.
        progress: Show progress on standard error.

    Returns:
        The number of pictures of each split; one that the data set hasn't is left out.

    Raises:
        UserError: The folder holds something, the pictures are not of three channels, the data set labels no objects,
            or it cannot be read.
    """
    require(
        not out.exists() or (out.is_dir() and not any(out.iterdir())),
        f"{out}: is there already, and nothing is written over: name a new folder with --out",
    )
    channels = KINDS[settings.kind].channels(settings)
    require(
        channels == 3, f"its pictures have {channels} channels, which picture files cannot hold: only 3 are written"
    )
    datasets = _splits(settings)
    space = next(iter(datasets.values()))[1].labels
    # The ids stay; a space that has no value for unlabelled pixels gets one.
    nothing = int(space.encode(np.full((1, 1), IGNORE)).item())
    space = replace(space, ignore=(nothing,), ignore_colors=(), masks="index")
    counts = {split: len(dataset) for split, (_, dataset) in datasets.items()}
    with progress_bar(progress, sum(counts.values()), "writing pictures") as step:
        for split, (name, dataset) in datasets.items():
            _write_split(dataset, name, out / split, space, step)
    source = {
        "kind": settings.kind,
        "root": settings.root,
        "splits": {split: name for split, (name, _) in datasets.items()},
    }
    write_json(out / RECORD, {**source, "pictures": counts})
    write_json(out / "classes.json", space.to_json())
    return counts


def _splits(settings: DataSettings) -> dict[str, tuple[str, DataSet]]:
    """For train, val and test, the data set's own name and its samples."""
    found: dict[str, tuple[str, DataSet]] = {}
    errors = []
    for split, name in (("train", settings.train), ("val", settings.val), ("test", settings.test)):
        try:
            found[split] = name, open_dataset(settings, name)
        except MissingSplitError as error:
            errors.append(error)
    if not found:
        raise errors[0]
    return found


def _write_split(dataset: DataSet, name: str, folder: Path, space: LabelSpace, step: Callable[[], None]) -> None:
    for index in range(len(dataset)):
        sample = dataset[index]
        if sample.objects is None:
            raise UserError(f"{sample.name}: no objects are labelled there, so that there is no mask to write")
        own = sample.name.removeprefix(f"{name}/")
        write_picture(folder / "images" / f"{own}.png", sample.image)
        write_mask(folder / "masks" / f"{own}.png", sample.objects, space)
        step()
