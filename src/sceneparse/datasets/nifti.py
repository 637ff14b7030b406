"""Volumes in NIfTI files, read slice by slice: one folder a case, one file a modality, as BraTS has them.

BraTS (Menze et al., IEEE TMI 2015): four modalities of each brain, and of each voxel whether it is tumour: 1 necrotic
core, 2 oedema, 4 enhancing tumour, 0 neither. Here 4 becomes class 3.
"""

from bisect import bisect_right
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np

from sceneparse.arguments import argument
from sceneparse.data.sample import Sample
from sceneparse.datasets.folder import subfolders, wrong_layout
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, root_of
from sceneparse.datasets.nnunet import GATHERED, nnunet_layout
from sceneparse.datasets.published import no_split, read_names
from sceneparse.datasets.subsets import split_named
from sceneparse.errors import UserError, counted
from sceneparse.labels import IGNORE, LabelSpace, TaskLabels
from sceneparse.pictures.cases import modalities_of, one_volume, volume_files
from sceneparse.pictures.grids import on_one_grid
from sceneparse.pictures.masks import unknown_values
from sceneparse.pictures.problems import PictureError
from sceneparse.pictures.volume_values import VolumeSummary, summaries
from sceneparse.pictures.volumes import Volume
from sceneparse.settings import DataSettings
from sceneparse.settings.data import NiftiSettings

BRATS = LabelSpace(
    ("background", "necrotic core", "oedema", "enhancing tumour"),
    colors=((0, 0, 0), (214, 39, 40), (44, 160, 44), (255, 215, 0)),
    ids=(0, 1, 2, 4),
)
"""The classes of BraTS up to 2021, by their values in the volumes; from 2023 on enhancing tumour is 3."""

ROUNDING = 0.01
"""How far from a whole number a label may be: programs save labels as floats, or by a slope."""

LAYOUT = (
    "CASE/CASE_{t1,t1ce,t2,flair,seg}.nii.gz, inside {train,val,test}/ or with lists of cases {train,val,test}.txt "
    "beside them (data.nifti.modalities and data.nifti.truth say what the files are called)"
)
"""The expected trees, in one line."""


@dataclass(frozen=True)
class Case:
    """A patient's volumes.

    Args:
        name: The folder's name.
        images: The modalities, all of one shape.
        truth: The labels, of the same shape.
        slices: The slices that are samples.
    """

    name: str
    images: tuple[Volume, ...]
    truth: Volume
    slices: tuple[int, ...]


class Slices:
    """The axial slices of cases, each modality a channel; see `DataSet`.

    A modality's values are spread over a byte between two percentiles of its volume or by a window (`VolumeSummary`).

    Args:
        cases: The cases.
        known: What is known of each modality's volume.
        labels: The label space of the truth.
    """

    def __init__(self, cases: Sequence[Case], known: dict[Volume, VolumeSummary], labels: LabelSpace) -> None:
        self.labels = labels
        self.tasks = TaskLabels(labels)
        self._cases, self._known = tuple(cases), known
        self._ends = list(accumulate(len(case.slices) for case in cases))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> Sample:
        import torch  # not at the top: reading a recipe must not wait for it

        case, number = self._place(index)
        channels = [self._known[volume].bytes_of(volume.slice(number)) for volume in case.images]
        values = case.truth.slice(number)
        there = np.isfinite(values)
        whole = np.rint(np.where(there, values, self.labels.ids[0])).astype(np.int64)
        off = np.where(there, np.abs(values - whole), 0)
        if off.max() > ROUNDING:
            worst = values.flat[int(off.argmax())]
            raise PictureError(
                f"{case.truth.path}, slice {number}: {worst:g} is no label: labels are whole numbers, to within "
                f"{ROUNDING} (values in between come of resampling with interpolation)",
                "values",
            )
        objects, unknown = self.labels.decode(whole)
        objects[~there] = IGNORE
        if unknown:
            raise PictureError(f"{case.truth.path}, slice {number}: {unknown_values(unknown, self.labels)}", "values")
        return Sample(torch.from_numpy(np.stack(channels)), objects=torch.from_numpy(objects), name=self.name(index))

    def name(self, index: int) -> str:
        """The case and the slice's number, from 0 at the feet."""
        case, number = self._place(index)
        return f"{case.name}/{number:03}"

    def identity(self, index: int) -> Hashable:
        """The case's first volume and the slice's number; see `identity_of`."""
        case, number = self._place(index)
        return str(case.images[0].path), number

    def _place(self, index: int) -> tuple[Case, int]:
        if not 0 <= index < len(self):
            raise IndexError(f"slice {index} of {len(self)}")
        case = bisect_right(self._ends, index)
        return self._cases[case], self._cases[case].slices[index - (self._ends[case - 1] if case else 0)]


def open_nifti(settings: DataSettings, split: str, channels: int) -> Slices:
    """Open a split. Every volume is read whole once, which takes a while; what was found is kept in the cache folder.

    Args:
        settings: `root` holds the cases; `nifti` and `classes` say how they are read.
        split: A folder of cases, a list CASES.txt beside them, or "all".
        channels: As many as there are modalities.

    Raises:
        UserError: Another layout, no such split, missing or damaged volumes, differing shapes, or other channels.
    """
    root = root_of(settings)
    splits = _case_folders(root)  # first, since who asks whether there is such a folder need not know of channels
    wanted = len(settings.nifti.modalities)
    if channels != wanted:
        raise UserError(
            f"a slice has {counted(wanted, 'channel')} (data.nifti.modalities {', '.join(settings.nifti.modalities)}), "
            f"but the network takes {channels}: give {argument('backbone.in_channels', wanted)}, or other modalities"
        )
    found = split_named(splits, split)
    if found is None:
        raise no_split(root, split, list(splits))
    cases = [_case(folder, settings.nifti) for folder in splits[found]]
    known = summaries(root, [volume for case in cases for volume in case.images])
    for case in cases:
        for modality, volume in zip(settings.nifti.modalities, case.images, strict=True):
            known[volume] = known[volume].within(settings.nifti.windows.get(modality))
    if not settings.nifti.empty_slices:
        cases = [_without_empty(case, known) for case in cases]
    if not any(case.slices for case in cases):
        raise UserError(f"{root}: split '{split}' has no slice with a voxel above zero")
    return Slices([case for case in cases if case.slices], known, _labels(settings, root))


def _case_folders(root: Path) -> dict[str, list[Path]]:
    """The cases of each split, sorted."""
    entries = [root / name for name in subfolders(root)]
    if together := [folder for folder in entries if GATHERED.match(folder.name) and volume_files(folder)]:
        raise nnunet_layout(root, together)
    if cases := [folder for folder in entries if volume_files(folder)]:
        splits = {}
        # "case 7" that is not there must not become "case".
        blanks = any(" " in folder.name for folder in cases)
        for path in sorted(root.glob("*.txt")):
            splits[path.stem] = [root / name for name in read_names(path, whole=blanks)]
            if gone := [folder for folder in splits[path.stem] if folder not in cases]:
                raise UserError(f"{path}: lists '{gone[0].name}', but there is no such folder of volumes in {root}")
        return {**splits, "all": cases}
    found = {
        entry.name: [folder for name in subfolders(entry) if volume_files(folder := entry / name)] for entry in entries
    }
    splits = {name: cases for name, cases in found.items() if cases}
    if not splits:
        raise wrong_layout(root, LAYOUT)
    return splits


def _case(folder: Path, settings: NiftiSettings) -> Case:
    images = modalities_of(folder, settings.modalities, settings.grids, setting="data.nifti.modalities")
    labels = one_volume(folder, settings.truth, setting="data.nifti.truth")
    _, truth = on_one_grid((images[0], labels), settings.grids, labels=True)
    return Case(folder.name, images, truth, tuple(range(images[0].shape[0])))


def _without_empty(case: Case, known: dict[Volume, VolumeSummary]) -> Case:
    filled = set().union(*(known[volume].filled for volume in case.images))
    return Case(case.name, case.images, case.truth, tuple(sorted(filled)))


def _labels(settings: DataSettings, root: Path) -> LabelSpace:
    if settings.classes.file is not None:
        return LabelSpace.read(Path(settings.classes.file))
    beside = root / "classes.json"
    return LabelSpace.read(beside) if beside.is_file() else BRATS


def recognise_nifti(root: Path) -> str | None:
    """What in a folder speaks for volumes in NIfTI files."""
    for folder in (root, *(root / name for name in subfolders(root))):
        for case in subfolders(folder):
            if files := volume_files(folder / case):
                return files[0].relative_to(root).as_posix()
    return None


KIND = DatasetKind(
    open=open_nifti,
    entry=Entry(
        title="Volumes in NIfTI files (BraTS and the like)",
        contents="axial slices, a channel a modality; 4 classes, or those of classes.json; splits as lists or "
        "folders say",
        licence="the owner's; BraTS with registration",
        page="https://www.med.upenn.edu/cbica/brats2020/data.html",
        tree=("DIR/CASE/CASE_{t1,t1ce,t2,flair,seg}.nii.gz", "DIR/{train,val,test}.txt  (names of cases, one a line)"),
        by_hand="BraTS asks you to register and to fetch it yourself",
    ),
    card="Volumes (NIfTI), slice by slice.",
    uses=("classes", "nifti"),
    recognise=recognise_nifti,
    volumes=lambda settings: settings.nifti,
)
