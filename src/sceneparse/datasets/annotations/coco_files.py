"""Find COCO's annotation files in a folder and the split that each is for, and tell them from other tools' JSON."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from sceneparse.arguments import argument, together
from sceneparse.datasets.annotations.jsonfiles import Glimpse, glimpse, json_files
from sceneparse.datasets.annotations.splits import ALL, is_role
from sceneparse.datasets.folder import subfolders, wrong_layout
from sceneparse.datasets.subsets import role_of, split_named
from sceneparse.errors import UserError
from sceneparse.paths import expanded
from sceneparse.pictures.finding import is_hidden

OTHERS = frozenset(("item", "items", "shapes", "dataset", "dm_format_version", "samples", "labels"))
"""Keys at the top of other tools' files that have much in common with COCO's."""

SPLIT = "{split}"
"""Stands for a split's name in `data.options.annotations`."""

ROBOFLOW = "_annotations.coco.json"
"""What Roboflow calls the annotation file of each split."""

LAYOUT = (
    "COCO JSON as ROOT/annotations/instances_SPLIT.json, ROOT/SPLIT/_annotations.coco.json, ROOT/SPLIT.json or one "
    "JSON file alone, with the pictures anywhere below ROOT (--data.options.annotations names another file)"
)

PANOPTIC_LAYOUT = (
    "ROOT/annotations/panoptic_SPLIT.json with its masks in panoptic_SPLIT/ beside it, and the pictures anywhere below "
    "ROOT (--data.options.annotations names another file)"
)


OWN = frozenset(("info", "licenses", "images", "annotations", "categories"))
"""Keys at the top of COCO's files."""

OUTLINES, PANOPTIC = "instances_", "panoptic_"
"""How COCO's names of annotation files begin."""


def is_coco(found: Glimpse) -> bool:
    """Whether a JSON file is COCO's with outlines, boxes or key points: no other tool's, not panoptic, no captions.

    One that is cut off counts, so that it is named: it would be passed over without a word.
    """
    if _is_left(found):
        return not found.path.name.startswith(PANOPTIC)
    return _like_coco(found) and not _has_segments(found)


def is_panoptic(found: Glimpse) -> bool:
    """Whether a JSON file is of COCO's panoptic form; one that is cut off counts likewise."""
    if _is_left(found):
        return found.path.name.startswith(PANOPTIC)
    return _like_coco(found) and _has_segments(found)


def _has_segments(found: Glimpse) -> bool:
    return found.names("segments_info") > 0 or found.names("isthing") > 0


def _is_left(found: Glimpse) -> bool:
    """Whether a file is the beginning of one of COCO's, too short to tell by what it holds."""
    named = found.path.name.startswith((OUTLINES, PANOPTIC)) or found.path.name == ROBOFLOW
    return (
        not (found.listed or _like_coco(found)) and found.keys <= OWN and bool(found.keys or named) and found.is_cut()
    )


def _is_empty(path: Path, panoptic: bool) -> bool:
    """Whether nothing is left of a file that is one of COCO's by its name."""
    own = path.name.startswith(PANOPTIC) if panoptic else path.name.startswith(OUTLINES) or path.name == ROBOFLOW
    return own and path.is_file() and not path.stat().st_size


def _like_coco(found: Glimpse) -> bool:
    if found.listed or found.keys & OTHERS or not found.keys & {"images", "annotations", "categories"}:
        return False
    if found.names("caption") and not found.names("category_id", "categories"):
        return False
    # In a large file one of the three may lie between its beginning and its end.
    seen = found.names("images", "annotations", "categories")
    return seen == 3 or (seen == 2 and found.names("file_name", "image_id") > 0)


def candidates(root: Path) -> list[Path]:
    """The JSON files of the folders in which tools put COCO's annotation."""
    folders = [root, root / "annotations", *(root / name for name in subfolders(root) if name != "annotations")]
    return [path for folder in folders for path in json_files(folder)]


def split_files(root: Path, given: str | None, panoptic: bool) -> dict[str, Path]:
    """The annotation file of each split that can be found.

    Args:
        root: The export.
        given: `data.options.annotations`; of several splits, with {split}.
        panoptic: Whether COCO's panoptic form is wanted.

    Raises:
        UserError: There is none, or two could be a split's.
    """
    if given is not None:
        return _given(root, given)
    wanted = is_panoptic if panoptic else is_coco
    seen = [
        path
        for path in candidates(root)
        if ((found := glimpse(path)) is not None and wanted(found)) or _is_empty(path, panoptic)
    ]
    if not seen:
        raise wrong_layout(root, PANOPTIC_LAYOUT if panoptic else LAYOUT)
    # The published archive has key points and captions of the same pictures beside the outlines.
    outlines = [path for path in seen if path.name.startswith(OUTLINES)]
    splits: dict[str, list[Path]] = defaultdict(list)
    for path in outlines or seen:
        splits[split_of(path, root)].append(path)
    if len(splits) == 1 and len(next(iter(splits.values()))) == 1:
        ((name, (path,)),) = splits.items()
        return {name if is_role(name) else ALL: path}
    for name, paths in splits.items():
        if len(paths) > 1:
            one, two, *_ = (path.relative_to(root).as_posix() for path in paths)
            raise UserError(
                f"{root}: {one} and {two} could both be split '{name}'; say which, such as "
                f"{_chosen_by(root, name, paths, seen)}"
            )
    return {name: paths[0] for name, paths in splits.items()}


_ORDER: dict[str | None, int] = {"train": 0, "val": 2, "test": 3}
"""Of splits' names, which one is for training if any is; such without a role lie between."""


def _chosen_by(root: Path, name: str, rivals: Sequence[Path], seen: Collection[Path]) -> str:
    """The settings that choose annotation files, of which some could be one split's, by what their paths differ in.

    Of two that are both for training one is chosen; two of a name that is no split's are two splits.

    Args:
        root: The export.
        name: The split that they could be.
        rivals: Files that could be one split's.
        seen: All annotation files.
    """
    best: tuple[tuple[int, int], str, list[str]] | None = None
    for pattern in dict.fromkeys(pattern for path in rivals for pattern in _patterns(path, root)):
        files = _matching(root, pattern)
        as_one = len(set(rivals) & set(files.values())) == len(rivals)
        if (as_one if role_of(name) is not None else not as_one) or not set(seen) >= set(files.values()):
            continue
        roles = sum(split_named(files, role) is not None for role in ("train", "val"))
        if best is None or (roles, len(files)) > best[0]:
            best = (roles, len(files)), pattern, sorted(files, key=lambda own: _ORDER.get(role_of(own), 1))
    if best is None:
        return argument("data.options.annotations", rivals[0].relative_to(root).as_posix())
    (roles, _), pattern, names = best
    given = {"data.options.annotations": pattern}
    if roles != 2 and len(names) >= 2:
        given |= {"data.train": names[0], "data.val": names[1]}
    return together(given)


def _patterns(path: Path, root: Path) -> Iterator[str]:
    """A file's path with {split} in place of a folder, of its name, or of what its name has behind a prefix."""
    *folders, _ = parts = path.relative_to(root).parts
    for place in range(len(folders)):
        yield "/".join((*parts[:place], SPLIT, *parts[place + 1 :]))
    for name in (split_of(path, root), path.stem):
        before, found, after = path.name.partition(name)
        if found:
            yield "/".join((*folders, f"{before}{SPLIT}{after}"))


def _given(root: Path, given: str) -> dict[str, Path]:
    if SPLIT not in given:
        path = root / expanded(given)
        if not path.is_file():
            raise UserError(f"{path}: no such file; data.options.annotations must name the annotation file")
        return {ALL: path}
    found = _matching(root, given)
    if not found:
        raise UserError(f"{root}: no file {given}, whatever the split; data.options.annotations names it")
    return found


def _matching(root: Path, pattern: str) -> dict[str, Path]:
    """The files that a path with {split} stands for, by their splits."""
    before, after = pattern.split(SPLIT, 1)
    found = {}
    # A name without signs that mean something in a pattern.
    for path in sorted(root.glob(re.sub(r"([\[\]*?])", r"[\1]", before) + "*" + re.sub(r"([\[\]*?])", r"[\1]", after))):
        below = path.relative_to(root).as_posix()
        name = below[len(before) : len(below) - len(after)]
        if not is_hidden(name):
            found[name] = path
    return found


def split_of(path: Path, root: Path) -> str:
    """The split that an annotation file is for, by its name, or its folder's where all files have the same name."""
    if path.name == ROBOFLOW or (is_role(path.parent.name) and path.parent != root):
        return path.parent.name if path.parent != root else ALL
    name = re.sub(r"^(instances|panoptic|stuff|person_keypoints|annotations?|coco|labels)[_-]", "", path.stem)
    return re.sub(r"(?<=[a-z])_?\d{4}$", "", name)
