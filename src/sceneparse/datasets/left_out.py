"""Files of a data set that are left out, since their format isn't read: counted, so that nobody misses them."""

import sys
from collections.abc import Iterable
from pathlib import Path

from sceneparse.datasets.kinds import KINDS
from sceneparse.datasets.layout import layout_of
from sceneparse.pictures.finding import walk
from sceneparse.pictures.forms import ARRAY_SUFFIXES, UNREAD_SUFFIXES, LeftOut
from sceneparse.settings import DataSettings


def left_out_of(settings: DataSettings) -> LeftOut:
    """Return the picture files that a data set of pictures and masks leaves out; none of another kind."""
    layout = layout_of(KINDS[settings.kind], settings)
    folders = () if layout is None else layout.folders.values()
    return left_out((folder for split in folders for folder in (split.images, split.masks)), Path(settings.root or ""))


def say_left_out(settings: DataSettings) -> None:
    """Count on standard error the files of a data set whose format isn't read, if there are any."""
    for one in left_out_of(settings).kinds:
        print(one, file=sys.stderr)


def left_out(folders: Iterable[Path], root: Path) -> LeftOut:
    """Return the files below folders that are pictures of formats which aren't read, arrays, videos or volumes.

    Args:
        folders: Where pictures and masks are looked for.
        root: The data set's folder, below which files are named.
    """
    found = _none_left_out()
    for folder in dict.fromkeys(folders):
        own = _none_left_out()
        for _ in walk(folder, left_out=own) if folder.is_dir() else ():
            pass
        at = folder.relative_to(root) if folder.is_relative_to(root) else folder
        for one in own.kinds:
            every = found if one is own else found.apart
            assert every is not None
            every.counts.update(one.counts)
            every.examples.extend((at / name).as_posix() for name in one.examples)
    return found


def _none_left_out() -> LeftOut:
    apart = LeftOut(
        "that are videos or volumes",
        "a data set is made of pictures: save a video's frames as pictures, and give volumes the kind nifti",
        "that is a video or a volume",
    )
    return LeftOut(
        "that sceneparse does not read",
        "convert them to PNG, TIFF or JPEG, masks to PNG",
        apart=apart,
        suffixes=UNREAD_SUFFIXES | ARRAY_SUFFIXES,
    )
