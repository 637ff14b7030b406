"""`sceneparse data export` as a function: write a data set as pictures with masks or with a tool's annotations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, overload

from sceneparse.arguments import argument
from sceneparse.data.sample import DataSet, Sample
from sceneparse.datasets.exported import RECORD
from sceneparse.datasets.forms.form import Annotated, AnnotatedPictures, with_ignored_value
from sceneparse.datasets.forms.table import FORMS
from sceneparse.datasets.forms.whole_folder import whole_folder
from sceneparse.datasets.kinds import KINDS
from sceneparse.datasets.opening import open_dataset
from sceneparse.errors import MissingSplitError, UserError, counted, require
from sceneparse.files import write_json
from sceneparse.labels import LabelSpace
from sceneparse.paths import refuse_folded
from sceneparse.pictures.masks import write_mask
from sceneparse.pictures.reading import write_picture
from sceneparse.progress import progress_bar
from sceneparse.settings import DataSettings
from sceneparse.tables import require_known

if TYPE_CHECKING:
    from torch import Tensor


def export_dataset(
    settings: DataSettings, out: Path, *, form: str = "folder", channels: int | None = None, progress: bool = True
) -> dict[str, int]:
    """Write the splits that `settings` names as train, val and test.

    Pictures become PNG files in SPLIT/images; samples keep their names. The objects alone are written, of data sets
    that label more. In the layout of the kind `folder` masks are palette images that hold the label space's ids, and
    `classes.json` comes last: without it, a folder whose writing was stopped is no data set. In another form of
    annotation each split has its own files, and is there when it is whole.

    Args:
        settings: The data set.
        out: A folder that is new or empty.
        form: The form of annotation, a name in `sceneparse.datasets.forms.table.FORMS`.
        channels: Channels of the pictures. None: as many as pictures of the kind usually have.
        progress: Show progress on standard error.

    Returns:
        The number of pictures of each split; one that the data set hasn't is left out.

    Raises:
        UserError: No such form, one that cannot hold these classes, the folder holds something, the pictures are not of
            three channels, the data set labels no objects, or it cannot be read.
    """
    require_known("forms", form, argument("form", option="--as"))
    require(
        not out.exists() or (out.is_dir() and not any(out.iterdir())),
        f"{out}: is there already, and nothing is written over: name a new folder with {argument('out')}",
    )
    channels = channels or KINDS[settings.kind].channels(settings)
    require(
        channels == 3,
        f"its pictures are read with {counted(channels, 'channel')}, but only pictures of 3 channels are written",
    )
    datasets = _splits(settings)
    for split, (_, dataset) in datasets.items():
        refuse_folded((dataset.name(index) for index in range(len(dataset))), out / split)
    space = next(iter(datasets.values()))[1].labels
    written = with_ignored_value(space)
    counts = {split: len(dataset) for split, (_, dataset) in datasets.items()}
    with progress_bar(progress, sum(counts.values()), "writing pictures") as step:
        for split, (name, dataset) in datasets.items():
            if form == "folder":
                _write_split(dataset, name, out / split, written, step)
                continue
            with whole_folder(out / split, record=False) as folder:
                samples = _Samples(dataset, name, folder, step)
                FORMS[form].write(folder, AnnotatedPictures(samples, space, settings.kind, drawn=True))
    source = {
        "kind": settings.kind,
        "root": settings.root,
        "splits": {split: name for split, (name, _) in datasets.items()},
    }
    as_form = {} if form == "folder" else {"form": form, "classes": list(space.names)}
    write_json(out / RECORD, {**source, "pictures": counts, **as_form})
    if form == "folder":
        write_json(out / "classes.json", written.to_json())
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
        masks = folder / "masks" / f"{_own_name(sample, name)}.png"
        write_picture(_picture_of(sample, name, folder), sample.image)
        write_mask(masks, _objects(sample), space)
        step()


@dataclass(frozen=True)
class _Samples(Sequence[Annotated]):
    """The samples of a split; each is read, and its picture written, when its turn comes."""

    dataset: DataSet
    name: str
    folder: Path
    step: Callable[[], None]

    def __len__(self) -> int:
        return len(self.dataset)

    @overload
    def __getitem__(self, index: int) -> Annotated: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Annotated]: ...

    def __getitem__(self, index: int | slice) -> Annotated | Sequence[Annotated]:
        if isinstance(index, slice):
            return [self[one] for one in range(len(self))[index]]
        if index >= len(self):
            raise IndexError(index)
        sample = self.dataset[index]
        indices = _objects(sample).numpy()
        path = _picture_of(sample, self.name, self.folder)
        write_picture(path, sample.image)
        self.step()
        height, width = indices.shape
        return Annotated(_own_name(sample, self.name), path, (height, width), lambda: indices)


def _own_name(sample: Sample, split: str) -> str:
    return sample.name.removeprefix(f"{split}/")


def _picture_of(sample: Sample, split: str, folder: Path) -> Path:
    return folder / "images" / f"{_own_name(sample, split)}.png"


def _objects(sample: Sample) -> Tensor:
    if sample.objects is None:
        raise UserError(f"{sample.name}: no objects are labelled there, so that there is no mask to write")
    return sample.objects
