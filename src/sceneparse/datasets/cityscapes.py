"""Cityscapes (Cordts et al., CVPR 2016): street scenes of 2048×1024 pixels.

2,975 are finely labelled for training, 500 for validation, 1,525 for testing (truth on the server only), and 19,998 are
labelled coarsely.

Masks hold the label ids of cityscapesScripts (helpers/labels.py), of which 19 are classes of the benchmark and all
others count in nothing. A model that is trained on it writes label maps with these ids, as the server wants them.
"""

from pathlib import Path

from sceneparse.datasets.cityscapes_form import recognise_cityscapes_form
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, by_root
from sceneparse.datasets.matching import Pair
from sceneparse.datasets.pairs import ListedPictures
from sceneparse.datasets.published import located, no_split, read_published_mask, refuse_missing
from sceneparse.datasets.submission import SubmissionForm
from sceneparse.errors import UserError
from sceneparse.standard import cityscapes_label_ids

CITYSCAPES = cityscapes_label_ids()

SPLITS = {
    "train": ("train", "gtFine"),
    "val": ("val", "gtFine"),
    "test": ("test", "gtFine"),
    "train_extra": ("train_extra", "gtCoarse"),
    "train_coarse": ("train", "gtCoarse"),
    "val_coarse": ("val", "gtCoarse"),
}
"""The folder of each split's pictures, and the annotation that it is read in."""

LAYOUT = (
    "leftImg8bit/{train,val,test}/CITY/NAME_leftImg8bit.png and gtFine/{train,val,test}/CITY/NAME_gtFine_labelIds.png "
    "(coarse ones: leftImg8bit/train_extra, gtCoarse/{train,train_extra,val})"
)
"""The expected tree, in one line."""


def open_cityscapes(root: Path, split: str, channels: int = 3) -> ListedPictures:
    """Open a split of Cityscapes.

    Args:
        root: The folder of leftImg8bit and gtFine.
        split: train, val or test (whose published masks are blank), train_extra (19,998 pictures with coarse labels),
            train_coarse or val_coarse (those of train and val).
        channels: Channels of the pictures.

    Raises:
        UserError: Another layout, no such split, or pictures without a mask.
    """
    base = located(
        root,
        ("cityscapes",),
        lambda folder: (
            (folder / "leftImg8bit").is_dir() and any((folder / f"gt{f}").is_dir() for f in ("Fine", "Coarse"))
        ),
        LAYOUT,
    )
    there = [
        name
        for name, (below, form) in SPLITS.items()
        if all((base / f / below).is_dir() for f in ("leftImg8bit", form))
    ]
    if own := recognise_cityscapes_form(root):
        raise UserError(
            f"{root}: its masks hold classes of its own and not Cityscapes' label ids, since it has {own}: read it as "
            "kind cityscapes_form"
        )
    if split not in there:
        raise no_split(root, split, there)
    below, form = SPLITS[split]
    pairs = []
    for image in sorted((base / "leftImg8bit" / below).glob("*/*_leftImg8bit.png")):
        frame = image.name.removesuffix("_leftImg8bit.png")
        mask = base / form / below / image.parent.name / f"{frame}_{form}_labelIds.png"
        pairs.append(Pair(f"{image.parent.name}/{frame}", image, mask))
    if not pairs:
        raise UserError(f"{base / 'leftImg8bit' / below}: no CITY/NAME_leftImg8bit.png in it; unpack the whole archive")
    refuse_missing(split, "masks", [pair.mask for pair in pairs])
    return ListedPictures(pairs, CITYSCAPES, channels, read_published_mask)


def recognise_cityscapes(root: Path) -> str | None:
    """What in a folder speaks for Cityscapes."""
    if recognise_cityscapes_form(root):
        return None
    for base in (root, root / "cityscapes"):
        truth = next((form for form in ("gtFine", "gtCoarse") if (base / form).is_dir()), None)
        if truth is not None and (base / "leftImg8bit").is_dir():
            return f"leftImg8bit/ and {truth}/"
    return None


KIND = DatasetKind(
    open=by_root(open_cityscapes),
    entry=Entry(
        title="Cityscapes",
        contents="2,975 + 500 + 1,525 street scenes of 2048×1024, 19,998 with coarse labels; 19 classes; train, val, "
        "test, train_extra, train_coarse, val_coarse",
        licence="the owner's terms: non-commercial, with registration",
        page="https://www.cityscapes-dataset.com/downloads/",
        size="by hand, 11.5 GB",
        tree=(
            "DIR/leftImg8bit/{train,val,test,train_extra}/aachen/aachen_000000_000019_leftImg8bit.png",
            "DIR/gtFine/{train,val,test}/aachen/aachen_000000_000019_gtFine_labelIds.png",
            "DIR/gtCoarse/{train,val,train_extra}/aachen/aachen_000000_000019_gtCoarse_labelIds.png",
        ),
        by_hand="its licence asks you to register and to fetch it yourself: unpack leftImg8bit_trainvaltest.zip and "
        "gtFine_trainvaltest.zip (for coarse labels also leftImg8bit_trainextra.zip and gtCoarse.zip) into one folder",
        test="mean IoU on val; test on the owner's server only (predict --as cityscapes)",
    ),
    card="Cityscapes (Cordts et al., 2016): street scenes of 50 cities, 19 classes.",
    fixed_labels=lambda: CITYSCAPES,
    uses=("orientation",),
    splits=tuple(SPLITS),
    reported="val",
    recognise=recognise_cityscapes,
    submission=SubmissionForm(
        # cityscapesScripts' evalPixelLevelSemanticLabeling looks for CITY_SEQUENCE_FRAME*.png with label ids.
        "cityscapes",
        "cityscapes",
        CITYSCAPES,
        lambda stem: stem.removesuffix("_leftImg8bit"),
        palette=False,
    ),
)
