"""Pictures and the masks that belong to them, matched by name in two folders."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sceneparse.arguments import together
from sceneparse.datasets.mask_names import (
    ANY,
    MASK_BEGINNING,
    PICTURE_BEGINNING,
    PICTURE_ENDING,
    NamePatterns,
    mask_beginning,
    mask_ending,
    suggested_patterns,
)
from sceneparse.errors import UserError
from sceneparse.pictures.finding import walk


@dataclass(frozen=True)
class SplitFolders:
    """Where a split's pictures and masks lie.

    Args:
        name: The split.
        images: The folder of the pictures.
        masks: The folder of the masks; the same one where they lie beside each other.
        patterns: What their names have in common, where that is given.
    """

    name: str
    images: Path
    masks: Path
    patterns: NamePatterns = ANY


@dataclass(frozen=True)
class Pair:
    """A picture and its mask; `name` is their common path below their folders, without suffix."""

    name: str
    image: Path
    mask: Path


@dataclass(frozen=True)
class Listing:
    """What a split's two folders hold, sorted by name.

    Args:
        pairs: The pictures with a mask.
        without_mask: Pictures without a mask.
        without_picture: Masks without a picture.
        doubles: Files of one folder that differ only in their suffix, so that a name stands for two.
        rivals: Pictures that would have a mask which another one has already ("a.jpg" and "a_rgb.jpg" of "a_mask.png").
        ending: What the masks' names have at their end besides their pictures' ("_mask").
        beginning: What they have at their beginning ("mask_").
        folded: Whether names match only where capitals are as good as small letters ("Pic1.jpg" and "pic1.png").
    """

    pairs: tuple[Pair, ...]
    without_mask: tuple[Path, ...] = ()
    without_picture: tuple[Path, ...] = ()
    doubles: tuple[Path, ...] = ()
    rivals: tuple[Path, ...] = ()
    ending: str = ""
    beginning: str = ""
    folded: bool = False

    def rule(self) -> str:
        """Say by what pictures and masks are matched."""
        own = self.ending or self.beginning
        return "pictures and masks are matched by their path without suffix" + (f" and '{own}'" if own else "")


def list_pairs(split: SplitFolders) -> Listing:
    """Match pictures and masks by their relative path without suffix. Reads folders, not files.

    Names match in whatever form of Unicode they are written (NFC or NFD, as macOS has them). Where no name matches,
    masks may have an ending of their own, or else a beginning (see `mask_names`): the one that matches
    most pictures counts. Where more names match if their case doesn't count, and none of a folder becomes another's by
    that, it doesn't count.

    Raises:
        UserError: A folder is missing.
    """
    for folder in (split.images, split.masks):
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; split '{split.name}' needs it")
    images, doubles = by_stem(split.images)
    masks = images
    if split.images != split.masks:
        masks, more = by_stem(split.masks)
        doubles += more
    found = _listing(split.patterns, images, masks, doubles)
    if found.without_mask or found.without_picture:
        folded, folded_masks = _folded(images), _folded(masks)
        if folded is not None and folded_masks is not None:
            beside = folded if masks is images else folded_masks
            other = replace(_listing(split.patterns.folded(), folded, beside, doubles), folded=True)
            found = other if len(other.pairs) > len(found.pairs) else found
    return found


def _listing(
    patterns: NamePatterns, images: Mapping[str, Path], masks: Mapping[str, Path], doubles: Sequence[Path]
) -> Listing:
    """Match the files of two folders, or of one (the very same mapping), by their names."""
    if patterns != ANY:
        return _by_patterns(patterns, images, masks, doubles)
    if masks is images:
        return _beside(images, doubles)
    if images.keys() & masks.keys():
        return _matched(images, masks, doubles)
    bare = {name: PICTURE_ENDING.sub("", name) for name in images}
    ending = mask_ending({*images, *bare.values()}, masks)
    if not ending and (beginning := mask_beginning(images, masks)):
        return _matched_by_beginning(images, masks, doubles, beginning)
    return _matched(images, masks, doubles, ending, bare)


def _folded(files: Mapping[str, Path]) -> dict[str, Path] | None:
    """Files by their names in whatever case; None where two would have the same one."""
    folded = {name.casefold(): path for name, path in files.items()}
    return folded if len(folded) == len(files) else None


def _by_patterns(
    patterns: NamePatterns, images: Mapping[str, Path], masks: Mapping[str, Path], doubles: Sequence[Path]
) -> Listing:
    """Match files by what their names are without what patterns say; the others stay alone."""
    drawn = {name: path for name, path in masks.items() if patterns.of_mask(name) is not None}
    shown = {name: path for name, path in images.items() if masks is not images or name not in drawn}
    bare = {name: patterns.of_image(name) for name in shown}
    keyed = {key: shown[name] for name, key in bare.items() if key is not None}
    own = {patterns.of_mask(name) or "": path for name, path in drawn.items()}
    found = _matched(keyed, own, doubles)
    others = tuple(shown[name] for name, key in bare.items() if key is None)
    more = () if masks is images else tuple(path for name, path in masks.items() if name not in drawn)
    return replace(
        found,
        without_mask=tuple(sorted((*found.without_mask, *others))),
        without_picture=tuple(sorted((*found.without_picture, *more))),
    )


def patterns_advice(listing: Listing, split: SplitFolders) -> str:
    """Say which settings would match files of which no name matches; empty where none is found.

    Args:
        listing: What the split holds.
        split: Where it lies.
    """
    if listing.pairs or split.patterns != ANY or split.images == split.masks:
        return ""
    found = suggested_patterns(*(_names(files) for files in (listing.without_mask, listing.without_picture)))
    if found is None:
        return ""
    given = (("image_names", found.images), ("mask_names", found.masks))
    settings = {f"data.options.{setting}": pattern for setting, pattern in given if pattern != "*"}
    return f"if they belong together but for what their names begin or end with: {together(settings)}"


def _names(files: Iterable[Path]) -> list[str]:
    return [same_name(_stem(path.name)) for path in files]


def same_name(name: str) -> str:
    """Return a name in the form in which names are compared, Unicode's NFC."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def by_stem(folder: Path) -> tuple[dict[str, Path], list[Path]]:
    """Return the pictures below a folder by their relative paths without suffix, and those whose name is taken."""
    found: dict[str, Path] = {}
    doubles = []
    cut = len(folder.as_posix().rstrip("/")) + 1
    for path, _ in walk(folder):
        key = same_name(_stem(path.as_posix()[cut:]))
        if key in found:
            doubles.append(path)
        else:
            found[key] = path
    return found, doubles


def _stem(path: str) -> str:
    """A path without its file's suffix, if it has one."""
    folder, slash, file = path.rpartition("/")
    return f"{folder}{slash}{file.rpartition('.')[0] or file}"


def _beside(files: Mapping[str, Path], doubles: Sequence[Path]) -> Listing:
    """Match the pictures of a folder with the masks that lie among them."""
    bare = {name: PICTURE_ENDING.sub("", name) for name in files}
    ending = mask_ending({*files, *bare.values()}, files)
    if not ending and (beginning := mask_beginning(files, files)):
        images = {name: path for name, path in files.items() if not _begins(name, beginning)}
        return _matched_by_beginning(images, files, doubles, beginning)
    if not ending:
        return Listing((), tuple(files[name] for name in sorted(files)), doubles=tuple(doubles))
    images = {name: path for name, path in files.items() if not name.endswith(ending)}
    return _matched(images, files, doubles, ending, bare)


def _matched(
    images: Mapping[str, Path],
    masks: Mapping[str, Path],
    doubles: Sequence[Path],
    ending: str = "",
    bare: Mapping[str, str] | None = None,
) -> Listing:
    """Match files by name.

    Args:
        images: The pictures by name.
        masks: The masks by name.
        doubles: Files whose name another one has.
        ending: What the masks' names end in besides.
        bare: The pictures' names without an ending of their own.
    """
    if ending:
        masks = {name.removesuffix(ending): path for name, path in masks.items() if name.endswith(ending)}
    keys = {name: name if bare is None or name in masks else bare[name] for name in sorted(images)}
    owners: dict[str, str] = {}
    for name, key in keys.items():
        if name == key or key not in owners:
            owners[key] = name
    pairs, alone, rivals = [], [], []
    for name, key in keys.items():
        if key not in masks:
            alone.append(images[name])
        elif owners[key] != name:
            rivals.append(images[name])
        else:
            pairs.append(Pair(_as_stored(name, images[name]), images[name], masks[key]))
    left = tuple(masks[name] for name in sorted(masks) if name not in owners)
    return Listing(tuple(pairs), tuple(alone), left, tuple(doubles), tuple(rivals), ending)


def _begins(name: str, beginning: str) -> bool:
    return name.rpartition("/")[2].startswith(beginning)


def _matched_by_beginning(
    images: Mapping[str, Path], masks: Mapping[str, Path], doubles: Sequence[Path], beginning: str
) -> Listing:
    """Match files by name, of which masks' begin with something of their own, and pictures' perhaps too."""
    own = {MASK_BEGINNING.sub("", name): path for name, path in masks.items() if _begins(name, beginning)}
    bare = {name: PICTURE_BEGINNING.sub("", name) for name in images}
    return replace(_matched(images, own, doubles, "", bare), beginning=beginning)


def _as_stored(name: str, path: Path) -> str:
    """A name in the case, and in the form of Unicode, that the file system has it in."""
    return "/".join(_stem(path.as_posix()).split("/")[-name.count("/") - 1 :])
