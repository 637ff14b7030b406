"""Car parts: photographs of cars with the masks of 18 parts (Pasupa et al., Complex & Intelligent Systems 2021)."""

import json
from dataclasses import replace
from pathlib import Path

from sceneparse.data.sample import Sample
from sceneparse.datasets.folder import folder_splits
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, by_root
from sceneparse.datasets.pairs import PairedPictures
from sceneparse.datasets.subsets import chosen_split
from sceneparse.errors import UserError, reason_of
from sceneparse.labels import IGNORE, LabelSpace, PartTree, TaskLabels, extra_keys, read_json
from sceneparse.labels.mirroring import KEY as MIRROR
from sceneparse.labels.mirroring import paired_by_name, pairs_of

CAR = LabelSpace(("car",))

LAYOUT = "classes.json and {train,test}/{images,masks}/; mask value 0 is no part, 1, 2, … are the parts"
"""The expected tree, in one line."""


class CarParts:
    """A split of the car parts; see `DataSet`.

    What lies around the parts is not annotated, be it the rest of the car or something else. So the parts' union stands
    for the car that owns them (`Sample.owners`), and nothing is said of objects.

    Args:
        pairs: Pictures and masks of parts.
    """

    labels = CAR

    def __init__(self, pairs: PairedPictures) -> None:
        self.tasks = TaskLabels(CAR, tree=PartTree(CAR, pairs.labels, (tuple(range(len(pairs.labels))),)))
        self._pairs = pairs

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> Sample:
        import torch  # not at the top: reading a recipe must not wait for it

        sample = self._pairs[index]
        parts = sample.objects
        assert parts is not None
        owners = torch.where(parts == IGNORE, IGNORE, 0).to(torch.int16)
        return replace(sample, objects=None, parts=parts, owners=owners)

    def name(self, index: int) -> str:
        """The sample's name, without reading it."""
        return self._pairs.name(index)


def open_car_parts(root: Path, split: str, channels: int = 3) -> CarParts:
    """Open a split of the car parts.

    Raises:
        UserError: Another layout, or no such split.
    """
    return CarParts(PairedPictures(chosen_split(folder_splits(root), split, root), car_part_labels(root), channels))


def car_part_labels(root: Path) -> LabelSpace:
    """The label space of the masks, from classes.json, whose first name stands for no part.

    Parts whose names differ in left and right alone are mirror pairs, unless classes.json lists pairs itself.

    Raises:
        UserError: classes.json is missing or says something else.
    """
    path = root / "classes.json"
    try:
        value = json.loads(path.read_bytes())
        names, listed = value["names"], value.get(MIRROR)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected layout: {LAYOUT}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f'{path}: cannot be read as {{"names": […]}} ({reason_of(error)})') from None
    if not isinstance(names, list) or len(names) < 2 or not all(isinstance(name, str) for name in names):
        raise UserError(f'{path}: "names" must be a list of "background" and the parts')
    parts = tuple(names[1:])
    try:
        mirror = paired_by_name(parts) if listed is None else pairs_of(listed)
        return LabelSpace(parts, ids=tuple(range(1, len(names))), ignore=(0,), mirror=mirror)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def recognise_car_parts(root: Path) -> str | None:
    """What in a folder speaks for the car parts: the names of classes.json."""
    try:
        names = car_part_labels(root).names
    except UserError:
        return None
    if not extra_keys(read_json(root / "classes.json")):
        return None  # a folder of one's own is labelled for objects
    return "the parts in classes.json" if {"hood", "trunk", "wheel", "back_bumper"} <= set(names) else None


KIND = DatasetKind(
    open=by_root(open_car_parts),
    entry=Entry(
        title="Car parts",
        contents="500 photographs of cars; 18 parts; train, test",
        licence="not stated",
        page="https://github.com/dsmlr/Car-Parts-Segmentation",
        tree=("DIR/classes.json", "DIR/{train,test}/images/NAME.jpg", "DIR/{train,test}/masks/NAME.png"),
        by_hand="its terms are not stated, so it is for you to fetch; its polygons have to be drawn into masks first",
    ),
    card="Pictures of cars with their parts.",
    recognise=recognise_car_parts,
)
