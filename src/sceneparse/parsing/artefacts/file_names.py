"""Name the files of a picture's parse, and refuse pictures whose files would overwrite each other."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from sceneparse.errors import UserError
from sceneparse.parsing.artefacts.artefact import Inputs, is_too_long
from sceneparse.parsing.artefacts.table import ARTEFACTS


def stem_of(name: str) -> str:
    """Return the name of the files of a picture's parse, without suffixes.

    A picture "summary" must leave summary.json to the run, and is called "summary-picture"; a picture of that name,
    "summary-picture-picture".
    """
    return f"{name}-picture" if re.fullmatch("summary(-picture)*", name.lower()) else name


def name_of(stem: str) -> str:
    """Return the name of the picture whose files are called so: the inverse of `stem_of`."""
    return stem[: -len("-picture")] if re.fullmatch("summary(-picture)+", stem.lower()) else stem


def files_of(name: str, write: Iterable[str]) -> list[str]:
    """Return all files that a picture's parse may be written to.

    Args:
        name: The picture's name.
        write: The artefacts' names.
    """
    suffixes = [suffix for artefact in write for suffix in ARTEFACTS[artefact].suffixes]
    return [f"{stem_of(name)}{suffix}" for suffix in (*suffixes, ".json")]


def refuse_collisions(
    pictures: Callable[[], Iterable[tuple[str, str]]],
    write: Sequence[str],
    size: Callable[[str], tuple[int, int] | None] | None = None,
) -> None:
    """Refuse pictures of which one's file would overwrite another's.

    The label map of a picture "x_parts" and the parts of a picture "x" would both be x_parts.png. Pictures are gone
    through once, or twice if there is a name that can collide; those that can't are not kept in memory.

    Args:
        pictures: Gives the names and what messages call the pictures, anew each time.
        write: The artefacts' names.
        size: Gives the size of a picture by what messages call it, None if it cannot be read. With it, a file that only
            a picture too long for a JPEG has is thought of too.

    Raises:
        UserError: There are such pictures.
    """
    suffixes = {**{name: ARTEFACTS[name].suffix for name in write}, "JSON": ".json"}
    pairs = {
        long[: -len(short)]: (one, other, long)
        for one, usual in suffixes.items()
        for long in ((usual,) if size is None or one == "JSON" else ARTEFACTS[one].suffixes)
        for other, short in suffixes.items()
        if long != short and long.endswith(short)
    }
    if not pairs:
        return
    candidates = {
        (stem_of(name)[: -len(extra)], extra): shown
        for name, shown in pictures()
        for extra in pairs
        if stem_of(name).endswith(extra)
    }
    if not candidates:
        return
    for name, shown in pictures():
        for extra, (one, other, long) in pairs.items():
            victim = candidates.get((stem_of(name), extra))
            if victim and (long == suffixes[one] or (size is not None and is_too_long(size(shown)))):
                raise UserError(
                    f"{victim}: its {other} and the {one} of {shown} would both be written to "
                    f"{stem_of(name)}{long}; rename one of the two, or parse them into different folders"
                )


RECORDS: dict[Inputs, str] = {
    "pictures": ".json",
    "videos": "_video.json",
    "volumes": "_volume.json",
    "rasters": "_raster.json",
}
"""What follows the name of an input in the name of its JSON."""


def refuse_records(
    pictures: Iterable[tuple[str, str]],
    others: Mapping[Inputs, Iterable[tuple[str, str]]],
    write: Collection[str] | None = None,
) -> None:
    """Refuse pictures of which a file would take the place of one of a video, a volume or a raster.

    Args:
        pictures: The names and what messages call the pictures.
        others: The same of the others.
        write: Names of the artefacts that are written. Default: the default ones.

    Raises:
        UserError: There are such.
    """
    chosen = [(name, one) for name, one in ARTEFACTS.usable() if (one.default if write is None else name in write)]
    files: dict[str, tuple[str, str]] = {}
    for inputs, known in others.items():
        suffixes = {what: suffix for what, one in chosen if (suffix := one.suffix_of(inputs))}
        for name, shown in known:
            for what, suffix in {"JSON": RECORDS[inputs], **suffixes}.items():
                files[f"{name}{suffix}"] = (shown, what)
    written = [name for name, one in chosen if one.suffix]
    for name, shown in pictures if files else ():
        if (file := next((file for file in files_of(name, written) if file in files), None)) is not None:
            other, what = files[file]
            raise UserError(
                f"{shown}: its parse and the {what} of {other} would both be written to {file}; rename one of the two, "
                "or parse them into different folders"
            )
