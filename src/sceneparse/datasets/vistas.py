"""Mapillary Vistas (Neuhold et al., ICCV 2017): 18,000 street scenes for training and 2,000 for validation.

Masks are palette pictures, whose index is the class's position in `labels` of config_v2.0.json (124 classes, or 66 of
config_v1.2.json). Classes that the benchmark doesn't evaluate are what nobody labelled.
"""

import json
from functools import partial
from pathlib import Path

from sceneparse.arguments import argument
from sceneparse.datasets.folder import wrong_layout
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, root_of
from sceneparse.datasets.layout import Layout, Listings, Note, open_layout
from sceneparse.datasets.matching import SplitFolders
from sceneparse.datasets.unlabelled import UnlabelledOptions
from sceneparse.errors import UserError, reason_of
from sceneparse.labels import LabelSpace
from sceneparse.settings import DataSettings
from sceneparse.settings.kinds import PICTURES

CONFIGS = {"config_v2.0.json": "v2.0/labels", "config_v1.2.json": "v1.2/labels", "config.json": "labels"}
"""The files of the classes, and where the masks that they are of lie in a split."""

SPLITS = {"train": "training", "val": "validation", "test": "testing"}
"""The folder of each split; that for testing has no public masks."""

LAYOUT = "config_v2.0.json, {training,validation}/images/NAME.jpg and {training,validation}/v2.0/labels/NAME.png"
"""The expected tree, in one line."""


def vistas_layout(settings: DataSettings) -> Layout:
    """Return what lies on disk.

    Raises:
        UserError: Another layout, or the classes cannot be read.
    """
    root = root_of(settings)
    config = _config(root) if root.is_dir() else None
    if config is None:
        raise wrong_layout(root, LAYOUT) if root.is_dir() else UserError(f"{root}: no such folder")
    options = KIND.read_options(settings.options, "data.options")
    labels, unevaluated = read_config(config, keep=options.unlabelled == "background")
    folders = _splits(root, CONFIGS[config.name])
    text = (
        f"classes that the benchmark doesn't evaluate are ignored ({', '.join(unevaluated)}); "
        f"{argument('data.options.unlabelled', 'background')} makes them classes"
        if unevaluated
        else f"all classes of {config.name} are learnt, those for unlabelled pixels among them"
    )
    notes = partial(tuple, [Note("note", "unlabelled", text)])
    return Layout(root, labels, Listings(folders), folders, notes, named_in=config.name)


def read_config(path: Path, *, keep: bool = False) -> tuple[LabelSpace, list[str]]:
    """Return the label space of a config, and the names of the classes that are ignored.

    Args:
        path: The config.
        keep: Whether classes that aren't evaluated are classes all the same.

    Raises:
        UserError: It cannot be read, or says something else.
    """
    try:
        listed = json.loads(path.read_bytes())["labels"]
        classes = [(str(one["name"]), tuple(map(int, one["color"])), one.get("evaluate", True)) for one in listed]
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({reason_of(error)})") from None
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UserError(f'{path}: no list "labels" with a name and a color for each class; fetch it again') from None
    chosen = [(name, color, value) for value, (name, color, used) in enumerate(classes) if used or keep]
    left = [(name, value) for value, (name, _, used) in enumerate(classes) if not (used or keep)]
    try:
        labels = LabelSpace(
            tuple(name for name, _, _ in chosen),
            tuple((red, green, blue) for _, (red, green, blue), _ in chosen),
            tuple(value for _, _, value in chosen),
            tuple(value for _, value in left),
        )
    except (UserError, ValueError) as error:
        raise UserError(f"{path}: {error}") from None
    return labels, [name for name, _ in left]


def _config(root: Path) -> Path | None:
    return next(
        (root / name for name, masks in CONFIGS.items() if (root / name).is_file() and _splits(root, masks)), None
    )


def _splits(root: Path, masks: str) -> dict[str, SplitFolders]:
    there = {name: root / folder for name, folder in SPLITS.items() if (root / folder / masks).is_dir()}
    return {name: SplitFolders(name, folder / "images", folder / masks) for name, folder in there.items()}


def recognise_vistas(root: Path) -> str | None:
    """What in a folder speaks for Mapillary Vistas."""
    config = _config(root)
    return None if config is None else f"{config.name} and {CONFIGS[config.name]}/"


KIND = DatasetKind(
    open=open_layout(vistas_layout),
    entry=Entry(
        title="Mapillary Vistas",
        contents="18,000 + 2,000 street scenes; 124 classes (v2.0) or 66 (v1.2); train, val",
        licence="the owner's terms: CC BY-NC-SA, with registration",
        page="https://www.mapillary.com/dataset/vistas",
        size="by hand, 26 GB",
        tree=(
            "DIR/config_v2.0.json",
            "DIR/{training,validation}/images/NAME.jpg",
            "DIR/{training,validation}/v2.0/labels/NAME.png",
        ),
        by_hand="its licence asks you to register and to fetch it yourself: unpack the zip into one folder",
        test="mean IoU on val",
    ),
    card="Mapillary Vistas (Neuhold et al., 2017): street scenes of the whole world.",
    options=UnlabelledOptions,
    uses=PICTURES,
    reported="val",
    layout=vistas_layout,
    recognise=recognise_vistas,
)
