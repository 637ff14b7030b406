"""What the readers of published data sets share: finding their folders, reading their lists and masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sceneparse.datasets.broden.matfile import read_mat
from sceneparse.datasets.folder import subfolders, wrong_layout
from sceneparse.datasets.matching import Pair
from sceneparse.errors import MissingSplitError, UserError, reason_of
from sceneparse.labels import LabelSpace
from sceneparse.pictures.masks import decode_mask, values_outside
from sceneparse.pictures.problems import PictureError
from sceneparse.pictures.turning import Orientation

if TYPE_CHECKING:
    from torch import Tensor


def located(root: Path, below: Sequence[str], there: Callable[[Path], bool], layout: str) -> Path:
    """The folder that holds a data set: `root`, or the first of its subfolders `below` that is one.

    Raises:
        UserError: None is; the message shows the expected tree and what was found.
    """
    subfolders(root)  # refuses what is no folder
    for candidate in (root, *(root / name for name in below)):
        if there(candidate):
            return candidate
    raise wrong_layout(root, layout)


def no_split(root: Path, split: str, there: Sequence[str]) -> MissingSplitError:
    """The error that says which splits there are."""
    return MissingSplitError(f"{root}: no split '{split}'; there are: {', '.join(there)}")


def read_names(path: Path, *, whole: bool = False) -> list[str]:
    """The names that a list holds, one a line, in its order.

    Args:
        path: The list.
        whole: Whether a name may have blanks; else what follows on a line is left out.

    Raises:
        UserError: It cannot be read or is empty.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; it lists the split's pictures") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({reason_of(error)})") from None
    names = [line.strip() if whole else line.split()[0] for line in lines if line.strip()]
    if not names:
        raise UserError(f"{path}: lists no picture")
    return names


def listed_pairs(split: str, names: Sequence[str], images: Path, masks: Callable[[str], Path]) -> tuple[Pair, ...]:
    """Pictures NAME.jpg of a folder with the files of their labels.

    Args:
        split: The split's name, for messages.
        names: Names of the pictures.
        images: Their folder.
        masks: The file of labels of a name.

    Raises:
        UserError: Some of the files are not there.
    """
    pairs = tuple(Pair(name, images / f"{name}.jpg", masks(name)) for name in names)
    for what, files in (("pictures", [pair.image for pair in pairs]), ("label files", [pair.mask for pair in pairs])):
        refuse_missing(split, what, files)
    return pairs


def refuse_missing(split: str, what: str, files: Sequence[Path]) -> None:
    """Raise a `UserError` that counts the files that are not there and names the first.

    Folders are read once: asking for each file is slow on the network file systems that data sets lie on.
    """
    folders: dict[Path, frozenset[str]] = {}
    for folder in {file.parent for file in files}:
        folders[folder] = frozenset(entry.name for entry in folder.iterdir()) if folder.is_dir() else frozenset()
    gone = [file for file in files if file.name not in folders[file.parent]]
    if gone:
        raise UserError(
            f"split '{split}': {len(gone):,} of {len(files):,} {what} are not there, the first is {gone[0]}; unpack "
            "the whole archive, or fetch it again"
        )


def read_published_mask(path: Path, labels: LabelSpace, *, orientation: Orientation = "apply") -> Tensor:
    """`read_mask` for masks whose values are the publisher's and not the user's to change.

    Raises:
        PictureError: As `read_mask`.
    """
    indices, unknown = decode_mask(path, labels, orientation=orientation)
    return _known(path, indices, unknown, labels)


def mat_map(path: Path, values: object, labels: LabelSpace) -> Tensor:
    """Class indices of a label map in a MATLAB file.

    Args:
        path: The file, for messages.
        values: What the map's variable holds.
        labels: The label space of these values.

    Raises:
        PictureError: It is no map, or has values that are not in the label space.
    """
    if not isinstance(values, np.ndarray) or values.ndim != 2 or values.dtype == object:
        raise PictureError(f"{path}: no map of labels where one is expected; fetch the annotation again", "form")
    return _known(path, *labels.decode(values), labels)


def mat_variable(path: Path, name: str) -> object:
    """A variable of a MATLAB file, None if there is none of that name.

    Raises:
        PictureError: The file is missing or damaged.
    """
    try:
        return read_mat(path).get(name)
    except UserError as error:
        raise PictureError(str(error)) from None


def _known(path: Path, indices: NDArray[np.int16], unknown: Mapping[str, int], labels: LabelSpace) -> Tensor:
    import torch  # not at the top: reading a recipe must not wait for it

    if unknown:
        message = f"{path}: {values_outside(unknown, labels)}: not the published annotation, or changed; fetch it again"
        raise PictureError(message, "values")
    return torch.from_numpy(indices)
