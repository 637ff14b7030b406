"""Segmentation masks of CVAT and Datumaro: the tree of PASCAL VOC with a labelmap.txt that gives each class its colour.

CVAT writes it as "Segmentation mask 1.1", Datumaro as `voc_segmentation`. Masks are colour pictures (or palette ones,
whose colours count as well); black is what nobody drew, and the class `background` of labelmap.txt.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from sceneparse.datasets.cvat_trees import LABELMAP, Tree, export_in, split_exports, unpacked
from sceneparse.datasets.exported import WHY, exported, undrawn, written_here
from sceneparse.datasets.folder import in_order, wrong_layout
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, root_of
from sceneparse.datasets.label_maps import BLACK, read_labelmap
from sceneparse.datasets.layout import Layout, Listings, open_layout, tool_notes
from sceneparse.datasets.matching import Listing, Pair, SplitFolders, by_stem, list_pairs, same_name
from sceneparse.datasets.unlabelled import BACKGROUND, Listed, Unlabelled, UnlabelledOptions, with_unlabelled
from sceneparse.errors import UserError, reason_of
from sceneparse.labels.space import Color
from sceneparse.settings import DataSettings
from sceneparse.settings.kinds import PICTURES

VOID: tuple[str, Color] = ("ignored", (224, 224, 192))
"""PASCAL VOC's void as CVAT and Datumaro have it: pixels of this name and colour count in nothing."""

LAYOUT = (
    "labelmap.txt, JPEGImages/NAME.jpg, SegmentationClass/NAME.png and ImageSets/Segmentation/SUBSET.txt (in CVAT "
    '"Export dataset", "Segmentation mask 1.1", with "Save images" on), or the zip of these with the pictures in it or '
    "in images/; of several splits one of each in train/, val/ and test/"
)
"""The expected tree, in one line."""


def cvat_layout(settings: DataSettings) -> Layout:
    """Return what lies on disk of an export, or of one for each split. An export may still be in its zip.

    Raises:
        UserError: Another layout, labelmap.txt cannot be read, or those of the splits differ.
    """
    root = root_of(settings)
    whole = export_in(root)
    parts = {} if whole is not None else split_exports(root)
    if whole is None and not parts:
        raise wrong_layout(root, LAYOUT) if root.is_dir() else UserError(f"{root}: no such folder")
    trees = {name: Tree(root / name, unpacked(found)) for name, found in parts.items()}
    if whole is not None:
        trees = {"": Tree(root, unpacked(whole))}
    first = next(iter(trees.values()))
    if whole is None:
        folders = {name: SplitFolders(name, tree.images, tree.masks) for name, tree in trees.items()}
        folders, lists = in_order(folders), {name: tree.lists for name, tree in trees.items()}
    else:
        names = {path.stem: [path] for path in first.lists}
        folders = {name: SplitFolders(name, first.images, first.masks) for name in names or ("all",)}
        lists = names
    options = KIND.read_options(settings.options, "data.options")
    listed, void = without_void(read_labelmap(first.labelmap))
    for tree in trees.values():
        others, more = without_void(read_labelmap(tree.labelmap))
        void = void or more
        if others != listed:
            raise UserError(
                f"{first.labelmap} and {tree.labelmap} name different classes or colours: export all splits of one "
                "project, so that they have the same"
            )
    unlabelled = _unlabelled(root, options.unlabelled)
    labels, note = with_unlabelled(listed, BLACK, unlabelled, str(first.labelmap))
    if unlabelled == "ignore" and written_here(root, options.unlabelled):
        note = note._replace(text=f"{note.text}{WHY}")
    labels = replace(labels, ignore_colors=(*labels.ignore_colors, *void))
    splits = Listings(folders, partial(_listed, lists=lists))
    notes = tool_notes(note, splits, settings)
    return Layout(root, labels, splits, folders, notes, partly=True, undivided=True, named_in=LABELMAP)


def _unlabelled(root: Path, choice: Unlabelled) -> Unlabelled:
    """What black is: of what `data export` wrote the class called background, where it has one."""
    ours = exported(root)
    return "background" if choice == "auto" and ours and BACKGROUND in ours.classes else undrawn(root, choice)


def without_void(listed: list[Listed]) -> tuple[list[Listed], tuple[Color, ...]]:
    """Return the classes without PASCAL VOC's void, which CVAT and Datumaro call `ignored`, and its colour."""
    kept = [one for one in listed if (one.name, one.color) != VOID]
    return (kept, (VOID[1],)) if 0 < len(kept) < len(listed) else (listed, ())


def _listed(split: SplitFolders, lists: Mapping[str, Sequence[Path]]) -> Listing:
    """The pictures that lists of names stand for; all of them where there is no list."""
    if not lists.get(split.name):
        return list_pairs(split)
    images, doubles = by_stem(split.images)
    masks, _ = by_stem(split.masks)
    pairs, alone, gone = [], [], []
    names = {name: path for path in lists[split.name] for name in _names(path)}
    for name, path in names.items():
        key = same_name(name)
        if key in images and key in masks:
            pairs.append(Pair(name, images[key], masks[key]))
        elif key in images:
            alone.append(images[key])
        elif key in masks:
            gone.append(masks[key])
        else:
            raise UserError(f"{path}: lists '{name}', but {split.images} has no such picture")
    pairs.sort(key=lambda pair: pair.name)
    return Listing(tuple(pairs), tuple(sorted(alone)), tuple(sorted(gone)), tuple(doubles))


def _names(path: Path) -> list[str]:
    """The names that a list holds, one a line; one with a blank in it may stand in quotes."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({reason_of(error)})") from None
    return list(dict.fromkeys(line.strip().strip('"') for line in lines if line.strip()))


def recognise_cvat(root: Path) -> str | None:
    """What in a folder speaks for CVAT's or Datumaro's segmentation masks."""
    found = {"": export_in(root)}
    if found[""] is None:
        found = dict(list(split_exports(root).items())[:1])
    for name, export in found.items():
        if export is not None and export.is_dir():
            return f"{name}{'/' * bool(name)}labelmap.txt and SegmentationClass/"
        if export is not None:
            return f"{export.relative_to(root).as_posix()} with labelmap.txt and SegmentationClass/"
    return None


KIND = DatasetKind(
    open=open_layout(cvat_layout),
    entry=Entry(
        title="Segmentation masks of CVAT and Datumaro",
        contents="as many as were drawn; the classes of labelmap.txt; splits as ImageSets/Segmentation lists them",
        licence="yours",
        page="https://docs.cvat.ai/docs/dataset_management/formats/format-smask/",
        tree=(
            "DIR/labelmap.txt",
            "DIR/JPEGImages/NAME.jpg",
            "DIR/SegmentationClass/NAME.png",
            "DIR/ImageSets/Segmentation/SUBSET.txt",
        ),
        by_hand='these are your own: in CVAT "Export dataset", "Segmentation mask 1.1" with "Save images", and unpack '
        "the zip; in Datumaro -f voc_segmentation --save-media",
    ),
    card="Pictures annotated in CVAT or Datumaro (segmentation masks).",
    options=UnlabelledOptions,
    uses=PICTURES,
    layout=cvat_layout,
    recognise=recognise_cvat,
)
