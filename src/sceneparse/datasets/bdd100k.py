"""BDD100K's semantic segmentation (Yu et al., CVPR 2020): 7,000 street scenes for training, 1,000 for validation.

Masks hold Cityscapes' 19 classes as train ids in 8 bits, 255 where nothing counts.
"""

from dataclasses import replace
from pathlib import Path

from sceneparse.datasets.folder import wrong_layout
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, root_of
from sceneparse.datasets.layout import Layout, Listings, open_layout
from sceneparse.datasets.matching import SplitFolders
from sceneparse.errors import UserError
from sceneparse.settings import DataSettings
from sceneparse.settings.kinds import PICTURES
from sceneparse.standard import standard_labels

BDD100K = replace(standard_labels("cityscapes-19"), ids=tuple(range(19)), ignore=(255,), ignore_colors=())
"""The 19 classes by their train ids."""

FORMS = (("images/10k", "labels/sem_seg/masks"), ("seg/images", "seg/labels"))
"""Where pictures and masks lie, as published since 2020 and before."""

LAYOUT = (
    "bdd100k/images/10k/{train,val}/NAME.jpg and bdd100k/labels/sem_seg/masks/{train,val}/NAME.png (before 2020 "
    "bdd100k/seg/{images,labels})"
)
"""The expected tree, in one line."""


def bdd100k_layout(settings: DataSettings) -> Layout:
    """Return what lies on disk.

    Raises:
        UserError: Another layout.
    """
    root = root_of(settings)
    found = _found(root) if root.is_dir() else None
    if found is None:
        raise wrong_layout(root, LAYOUT) if root.is_dir() else UserError(f"{root}: no such folder")
    images, masks = found
    names = [name for name in ("train", "val", "test") if (masks / name).is_dir() and (images / name).is_dir()]
    folders = {name: SplitFolders(name, images / name, masks / name) for name in names}
    return Layout(root, BDD100K, Listings(folders), folders, fixed=True)


def _found(root: Path) -> tuple[Path, Path] | None:
    """The folders of pictures and masks."""
    for base in (root, root / "bdd100k"):
        for images, masks in FORMS:
            if (base / images).is_dir() and (base / masks).is_dir():
                return base / images, base / masks
    return None


def recognise_bdd100k(root: Path) -> str | None:
    """What in a folder speaks for BDD100K's semantic segmentation."""
    found = _found(root)
    return None if found is None else " and ".join(f"{one.relative_to(root).as_posix()}/" for one in found)


KIND = DatasetKind(
    open=open_layout(bdd100k_layout),
    entry=Entry(
        title="BDD100K, semantic segmentation",
        contents="7,000 + 1,000 street scenes of 1280×720; Cityscapes' 19 classes; train, val",
        licence="the owner's terms: for research and education, with registration",
        page="https://doc.bdd100k.com/download.html",
        size="by hand, 1.3 GB",
        tree=(
            "DIR/bdd100k/images/10k/{train,val}/0a0a0b1a-7c39d841.jpg",
            "DIR/bdd100k/labels/sem_seg/masks/{train,val}/0a0a0b1a-7c39d841.png",
        ),
        by_hand="its licence asks you to register and to fetch it yourself: unpack 10K Images and Segmentation",
        test="mean IoU on val",
    ),
    card="BDD100K (Yu et al., 2020): street scenes from driving cars in the United States, 19 classes.",
    fixed_labels=lambda: BDD100K,
    uses=PICTURES,
    reported="val",
    layout=bdd100k_layout,
    recognise=recognise_bdd100k,
)
