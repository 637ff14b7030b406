"""Segmentation masks of CVAT and Datumaro: the tree of PASCAL VOC with a labelmap.txt that gives each class its colour.

CVAT writes it as "Segmentation mask 1.1", Datumaro as `voc_segmentation`. Masks are colour pictures (or palette ones,
whose colours count as well); black is what nobody drew, and the class `background` of labelmap.txt.
"""

from functools import partial
from pathlib import Path

from sceneparse.datasets.folder import wrong_layout
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, root_of
from sceneparse.datasets.label_maps import BLACK, read_labelmap
from sceneparse.datasets.layout import Layout, Listings, open_layout, tool_notes
from sceneparse.datasets.pairs import Listing, Pair, SplitFolders, by_stem, list_pairs, same_name
from sceneparse.datasets.unlabelled import UnlabelledOptions, with_unlabelled
from sceneparse.errors import UserError, reason_of
from sceneparse.settings import DataSettings
from sceneparse.settings.kinds import PICTURES

LABELMAP = "labelmap.txt"

LAYOUT = (
    "labelmap.txt, JPEGImages/NAME.jpg, SegmentationClass/NAME.png and ImageSets/Segmentation/SUBSET.txt (in CVAT "
    '"Export dataset", "Segmentation mask 1.1", with "Save images" on)'
)
"""The expected tree, in one line."""


def cvat_layout(settings: DataSettings) -> Layout:
    """Return what lies on disk of an export.

    Raises:
        UserError: Another layout, or labelmap.txt cannot be read.
    """
    root = root_of(settings)
    if not recognise_cvat(root):
        raise wrong_layout(root, LAYOUT) if root.is_dir() else UserError(f"{root}: no such folder")
    if not (root / "JPEGImages").is_dir():
        raise UserError(
            f'{root}: the export has masks but no pictures: export it again with "Save images" on, or put the pictures '
            f"into {root / 'JPEGImages'} under the masks' names"
        )
    options = KIND.read_options(settings.options, "data.options")
    labels, note = with_unlabelled(read_labelmap(root / LABELMAP), BLACK, options.unlabelled, str(root / LABELMAP))
    lists = {path.stem: path for path in sorted((root / "ImageSets" / "Segmentation").glob("*.txt"))}
    whole = SplitFolders("all", root / "JPEGImages", root / "SegmentationClass")
    folders = {name: SplitFolders(name, whole.images, whole.masks) for name in lists} or {"all": whole}
    splits = Listings(folders, partial(_listed, lists=lists))
    notes = tool_notes(note, folders, settings)
    return Layout(root, labels, splits, folders, notes, partly=True, undivided=True, named_in=LABELMAP)


def _listed(split: SplitFolders, lists: dict[str, Path]) -> Listing:
    """The pictures that a list of names stands for; all of them where there is no list."""
    if split.name not in lists:
        return list_pairs(split)
    images, doubles = by_stem(split.images)
    masks, _ = by_stem(split.masks)
    pairs, alone, gone = [], [], []
    for name in _names(lists[split.name]):
        key = same_name(name)
        if key in images and key in masks:
            pairs.append(Pair(name, images[key], masks[key]))
        elif key in images:
            alone.append(images[key])
        elif key in masks:
            gone.append(masks[key])
        else:
            raise UserError(f"{lists[split.name]}: lists '{name}', but {split.images} has no such picture")
    pairs.sort(key=lambda pair: pair.name)
    return Listing(tuple(pairs), tuple(sorted(alone)), tuple(sorted(gone)), tuple(doubles))


def _names(path: Path) -> list[str]:
    """The names that a list holds, one a line; one with a blank in it may stand in quotes."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({reason_of(error)})") from None
    return list(dict.fromkeys(line.strip().strip('"') for line in lines if line.strip()))


def recognise_cvat(root: Path) -> str | None:
    """What in a folder speaks for CVAT's or Datumaro's segmentation masks."""
    if (root / LABELMAP).is_file() and (root / "SegmentationClass").is_dir():
        return "labelmap.txt and SegmentationClass/"
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
