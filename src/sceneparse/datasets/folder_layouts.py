"""How people lay out their own pictures and masks, besides the two forms of the kind `folder`."""

from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path

from sceneparse.datasets.mask_names import ANY, PICTURE_ENDING, NamePatterns, mask_beginning, mask_ending
from sceneparse.datasets.matching import SplitFolders
from sceneparse.datasets.subsets import role_of
from sceneparse.pictures.finding import counts_as_picture, is_hidden, walk

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "jpegimages", "pictures", "photos", "inputs", "input", "rgb", "x")
"""What folders of pictures are called, in lower case."""

MASK_FOLDERS = (
    "masks",
    "mask",
    "labels",
    "label",
    "annotations",
    "annotation",
    "annots",
    "ann",
    "gt",
    "groundtruth",
    "ground_truth",
    "segmentations",
    "segmentation",
    "segmentationclass",
    "targets",
    "target",
    "y",
)
"""What folders of masks are called, in lower case."""

BESIDE = ("annot", "_annot", "_masks", "_mask", "_labels", "_label", "_gt", "_annotations")
"""What the name of a split's folder of masks has at its end besides that of its pictures."""

WHOLE = "all"
"""The split's name where a data set has none."""


def found_splits(root: Path, patterns: NamePatterns = ANY) -> dict[str, SplitFolders]:
    """The splits of a data set that is laid out otherwise, by name; none where nothing is found.

    In this order: folders of pictures and masks by other names, with splits above or below them, or in one name with
    them ("train_images", "masks-val"); pictures and masks in two folders whose names say which is which ("train" and
    "train_masks"); folders in which masks lie beside their pictures; pictures and masks without any split, which are
    the split "all".

    Args:
        root: The data set's folder.
        patterns: What names of pictures and masks have in common.
    """
    if not root.is_dir():
        return {}
    return next((splits for splits in _candidates(root, patterns) if splits), {})


def _candidates(root: Path, patterns: NamePatterns) -> Iterator[dict[str, SplitFolders]]:
    entries = _folders(root)
    above = _named(root)
    if above is not None:
        images, masks = above
        below = sorted(_folders(images).keys() & _folders(masks).keys())
        # Folders of the same name hold a split each, unless pictures lie beside them.
        if below and not _has_pictures(images):
            yield {name: SplitFolders(name, images / name, masks / name) for name in below}
    inside = {name: _named(folder) for name, folder in entries.items()}
    yield {name: SplitFolders(name, *both) for name, both in inside.items() if both is not None}
    yield _in_one_name(entries)
    pairs = {name: next((f"{name}{end}" for end in BESIDE if f"{name}{end}" in entries), None) for name in entries}
    if above is None:
        yield {
            name: SplitFolders(name, entries[name], entries[masks_name])
            for name, masks_name in pairs.items()
            if masks_name is not None and _has_pictures(entries[name], deep=True)
        }
    else:
        yield {WHOLE: SplitFolders(WHOLE, *above)}
    yield {
        name: SplitFolders(name, folder, folder) for name, folder in entries.items() if _masks_beside(folder, patterns)
    }
    if _masks_beside(root, patterns):
        yield {WHOLE: SplitFolders(WHOLE, root, root)}


def _in_one_name(entries: Mapping[str, Path]) -> dict[str, SplitFolders]:
    """The splits whose names stand in those of their folders: "train_images" and "train_masks", "x-val" and "y-val"."""
    found: dict[str, dict[str, Path]] = {}
    for name, folder in entries.items():
        for split, what in (
            (parts[0], parts[2]) for parts in (name.lower().partition("_"), name.lower().partition("-"))
        ):
            for own, said in ((split, what), (what, split)):
                side = "images" if said in IMAGE_FOLDERS else "masks" if said in MASK_FOLDERS else None
                if side is not None and role_of(own) is not None:
                    found.setdefault(own, {})[side] = folder
    whole = {split: both for split, both in found.items() if len(both) == 2 and _has_pictures(both["masks"], deep=True)}
    return {split: SplitFolders(split, both["images"], both["masks"]) for split, both in whole.items()}


def _folders(root: Path) -> dict[str, Path]:
    return {one.name: one for one in sorted(root.iterdir()) if one.is_dir() and not is_hidden(one.name)}


def _named(root: Path) -> tuple[Path, Path] | None:
    """The folders of pictures and of masks in a folder, by what such folders are called."""
    entries = {name.lower(): folder for name, folder in _folders(root).items()}
    for images, masks in product(IMAGE_FOLDERS, MASK_FOLDERS):
        if images in entries and masks in entries and _has_pictures(entries[masks], deep=True):
            return entries[images], entries[masks]
    return None


def _has_pictures(folder: Path, *, deep: bool = False) -> bool:
    """Whether pictures lie in a folder, or with `deep` in it or below."""
    if deep:
        return next(iter(walk(folder)), None) is not None
    return any(map(counts_as_picture, folder.iterdir()))


def _masks_beside(folder: Path, patterns: NamePatterns) -> bool:
    """Whether masks lie beside their pictures in a folder: some name is another with a mask's ending or beginning."""
    stems = {file.stem.casefold() for file in folder.iterdir() if counts_as_picture(file)}
    if patterns.masks != "*":
        own = patterns.folded()
        return any(own.of_mask(stem) is not None for stem in stems)
    ending = mask_ending({*stems, *(PICTURE_ENDING.sub("", stem) for stem in stems)}, stems)
    return bool(ending or mask_beginning(stems, stems))
