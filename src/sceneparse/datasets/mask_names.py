"""What masks' names begin or end with where their pictures' don't."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

MASK_ENDING = re.compile(
    r"[_.-](?:gtfine[_.-]|gtcoarse[_.-])?"
    r"(?:masks?|msk|segmentations?|segmask|seg|semantic|label(?:train)?ids|train_?ids?|labels?|lbls?|l|gt|groundtruth|truth|annotations?|annot)$"
    r"|\.(?:jpe?g|png|tiff?|bmp|webp)$",
    re.IGNORECASE,
)
"""What masks' names may end in where their pictures' don't: "_mask", "_seg", "_gtFine_labelIds", "_L", ".jpg"."""

MASK_BEGINNING = re.compile(
    r"(?:^|(?<=/))(?:masks?|msk|segmentations?|segmask|seg|semantic|labels?|lbls?|gt|groundtruth"
    r"|truth|annotations?|annot)(?:[_. -]|(?=\d))(?=[^/]+$)",
    re.IGNORECASE,
)
"""What masks' names may begin with where their pictures' don't: "mask_", "seg_", "label_"."""

PICTURE_BEGINNING = re.compile(
    r"(?:^|(?<=/))(?:images?|img|im|rgb|sat|photo|pic|picture|frame|scan)(?:[_. -]|(?=\d))(?=[^/]+$)", re.IGNORECASE
)
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


@dataclass(frozen=True)
class NamePatterns:
    """What names of pictures and of masks have in common, such as "img_*" and "*_truth": the same "*" is a pair.

    Args:
        images: The pictures' names without suffix.
        masks: The masks'.
    """

    images: str = "*"
    masks: str = "*"

    def folded(self) -> "NamePatterns":
        """Return the patterns of names whose case doesn't count."""
        return NamePatterns(self.images.casefold(), self.masks.casefold())

    def of_image(self, name: str) -> str | None:
        """Return a picture's name (a path, without suffix) without what the pattern says; None where it doesn't fit."""
        return _inside(name, self.images)

    def of_mask(self, name: str) -> str | None:
        """Return a mask's name without what the pattern says; None where it doesn't fit."""
        return _inside(name, self.masks)


ANY = NamePatterns()
"""Nothing is said of names."""


def _inside(path: str, pattern: str) -> str | None:
    folder, slash, name = path.rpartition("/")
    begin, _, end = pattern.partition("*")
    if len(name) <= len(begin) + len(end) or not (name.startswith(begin) and name.endswith(end)):
        return None
    return f"{folder}{slash}{name[len(begin) : len(name) - len(end)]}"


def suggested_patterns(images: Sequence[str], masks: Sequence[str]) -> NamePatterns | None:
    """Return the patterns by which names of pictures and masks would match; None where none does of half of them.

    Args:
        images: The pictures' names, without folders and suffixes.
        masks: The masks'.
    """
    if not images or not masks:
        return None
    patterns = NamePatterns(_common(images), _common(masks))
    bare = [set(map(of, names)) - {None} for of, names in ((patterns.of_image, images), (patterns.of_mask, masks))]
    if patterns == ANY or 2 * len(bare[0] & bare[1]) < min(len(images), len(masks)):
        return None
    return patterns


def _common(names: Sequence[str]) -> str:
    """The pattern of names: what all begin and end with, to its last (first) separator, and without numbers."""
    begin = _beginning(names)
    begin = match[0] if (match := re.match(r".*[_. -]", begin)) else begin.rstrip("0123456789")
    end = _beginning([name[len(begin) :][::-1] for name in names])[::-1]
    end = match[0] if (match := re.search(r"[_. -].*", end)) else end.lstrip("0123456789") if len(names) > 1 else ""
    return f"{begin}*{end}"


def _beginning(texts: Sequence[str]) -> str:
    """The longest beginning that texts have in common; of the first and the last in order all have it."""
    first, last = min(texts), max(texts)
    length = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), None)
    return first[:length]
