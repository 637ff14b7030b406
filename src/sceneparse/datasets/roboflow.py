"""Semantic segmentation masks of Roboflow: NAME_mask.png beside NAME.jpg, and what the values mean in _classes.csv."""

import csv
from pathlib import Path

from sceneparse.datasets.folder import subfolders, wrong_layout
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, root_of
from sceneparse.datasets.layout import Layout, Listings, open_layout, tool_notes
from sceneparse.datasets.matching import SplitFolders
from sceneparse.datasets.unlabelled import Listed, UnlabelledOptions, with_unlabelled
from sceneparse.errors import UserError, reason_of
from sceneparse.settings import DataSettings
from sceneparse.settings.kinds import PICTURES

CLASSES = "_classes.csv"

LAYOUT = "{train,valid,test}/{_classes.csv,NAME.jpg,NAME_mask.png}"
"""The expected tree, in one line."""


def roboflow_layout(settings: DataSettings) -> Layout:
    """Return what lies on disk of an export.

    Raises:
        UserError: Another layout, a _classes.csv cannot be read, or the splits' classes differ.
    """
    root = root_of(settings)
    folders = _splits(root)
    if not folders:
        raise wrong_layout(root, LAYOUT)
    files = [
        path for path in (root / CLASSES, *(split.images / CLASSES for split in folders.values())) if path.is_file()
    ]
    classes = read_classes(files[0])
    for other in files[1:]:
        if read_classes(other) != classes:
            raise UserError(f"{other}: says something else than {files[0]}: export all splits as one version")
    options = KIND.read_options(settings.options, "data.options")
    labels, note = with_unlabelled(classes, 0, options.unlabelled, str(files[0]))
    splits = Listings(folders)
    notes = tool_notes(note, splits, settings)
    return Layout(root, labels, splits, folders, notes, partly=True, undivided=True, named_in=CLASSES)


def read_classes(path: Path) -> list[Listed]:
    """Return the classes of a _classes.csv, whose header is `Pixel Value, Class`.

    Raises:
        UserError: It cannot be read, or a line says something else.
    """
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines(), skipinitialspace=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read ({reason_of(error)})") from None
    classes = []
    for number, row in enumerate(rows, 1):
        cells = [cell.strip() for cell in row]
        if not any(cells) or (number == 1 and not cells[0].isdigit()):
            continue
        if len(cells) != 2 or not cells[0].isdigit() or not cells[1]:
            raise UserError(
                f"{path}:{number}: '{', '.join(cells)}' is not a pixel value and a class, such as '1, road'"
            )
        classes.append(Listed(cells[1], int(cells[0])))
    if not classes:
        raise UserError(f"{path}: names no classes; export the data set again")
    return classes


def _splits(root: Path) -> dict[str, SplitFolders]:
    found = {name: root / name for name in subfolders(root) if (root / name / CLASSES).is_file()}
    if not found and (root / CLASSES).is_file():
        found = {"all": root}
    return {name: SplitFolders(name, folder, folder) for name, folder in found.items()}


def recognise_roboflow(root: Path) -> str | None:
    """What in a folder speaks for Roboflow's masks."""
    for folder in (root, *(root / name for name in subfolders(root))):
        # Other forms of Roboflow have a file of this name as well.
        if (folder / CLASSES).is_file() and next(folder.rglob("*_mask.png"), None) is not None:
            return f"{(folder / CLASSES).relative_to(root).as_posix()} and NAME_mask.png"
    return None


KIND = DatasetKind(
    open=open_layout(roboflow_layout),
    entry=Entry(
        title="Roboflow's semantic segmentation masks",
        contents="as many as were drawn; the classes of _classes.csv; train, valid, test",
        licence="yours, or as the project's page says",
        page="https://roboflow.com/formats/semantic-segmentation-masks",
        tree=(
            "DIR/{train,valid,test}/_classes.csv",
            "DIR/{train,valid,test}/NAME.jpg",
            "DIR/{train,valid,test}/NAME_mask.png",
        ),
        by_hand='these are your own: in Roboflow "Download dataset", "Semantic Segmentation Masks", and unpack the zip',
    ),
    card="Pictures annotated in Roboflow (semantic segmentation masks).",
    options=UnlabelledOptions,
    uses=PICTURES,
    layout=roboflow_layout,
    recognise=recognise_roboflow,
)
