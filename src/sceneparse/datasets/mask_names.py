"""What masks' names begin or end with where their pictures' don't."""

import re
from collections import Counter
from collections.abc import Collection

MASK_ENDING = re.compile(
    r"[_.-](?:gtfine[_.-]|gtcoarse[_.-])?"
    r"(?:masks?|segmentations?|segmask|seg|semantic|label(?:train)?ids|train_?ids?|labels?|l|gt|groundtruth|truth|annotations?|annot)$"
    r"|\.(?:jpe?g|png|tiff?|bmp|webp)$",
    re.IGNORECASE,
)
"""What masks' names may end in where their pictures' don't: "_mask", "_seg", "_gtFine_labelIds", "_L", ".jpg"."""

MASK_BEGINNING = re.compile(
    r"(?:^|(?<=/))(?:masks?|segmentations?|segmask|seg|semantic|labels?|gt|groundtruth|truth|annotations?|annot)[_.-](?=[^/]+$)",
    re.IGNORECASE,
)
"""What masks' names may begin with where their pictures' don't: "mask_", "seg_", "label_"."""

PICTURE_BEGINNING = re.compile(r"(?:^|(?<=/))(?:images?|img|rgb|sat|photo|pic|picture)[_.-](?=[^/]+$)", re.IGNORECASE)
"""What pictures' names may begin with in place of it."""

PICTURE_ENDING = re.compile(r"[_.-](?:leftimg8bit|images?|img|rgb|sat|photo)$", re.IGNORECASE)
"""What pictures' names may end in where their masks' don't."""


def mask_ending(pictures: Collection[str], masks: Collection[str]) -> str:
    """Return the ending that turns most pictures' names into masks' names; "" where none does."""
    known = pictures if isinstance(pictures, set | dict) else set(pictures)
    found: Counter[str] = Counter()
    for name in sorted(masks):
        ending = MASK_ENDING.search(name)
        if ending is not None and name[: ending.start()] in known:
            found[ending[0]] += 1
    return found.most_common(1)[0][0] if found else ""


def mask_beginning(pictures: Collection[str], masks: Collection[str]) -> str:
    """Return the beginning that turns most pictures' names into masks' names; "" where none does."""
    known = {*pictures, *(PICTURE_BEGINNING.sub("", name) for name in pictures)}
    found: Counter[str] = Counter()
    for name in sorted(masks):
        beginning = MASK_BEGINNING.search(name)
        if beginning is not None and MASK_BEGINNING.sub("", name) in known - {name}:
            found[beginning[0]] += 1
    return found.most_common(1)[0][0] if found else ""
