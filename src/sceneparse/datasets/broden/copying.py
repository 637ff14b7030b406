"""Copy the data sets that a joint set is built of, as their owners distribute them: large pictures are scaled.

What was copied has its source's time, by which a build that was broken off knows what it need not copy again.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from PIL import Image

from sceneparse.data.shrinking import shrunken_size
from sceneparse.datasets.broden.ade20k_full import ade_pictures
from sceneparse.datasets.broden.coding import read_colors
from sceneparse.datasets.broden.sources import (
    ADE20K,
    ADE20K_LISTS,
    DTD,
    DTD_LIST,
    MISC,
    OPENSURFACES,
    PASCAL,
    ade_scene,
    dtd_files,
    opensurfaces_ids,
)
from sceneparse.errors import UserError
from sceneparse.files import whole_file, write_text
from sceneparse.pictures.decoding import decode
from sceneparse.pictures.problems import PictureError
from sceneparse.pictures.reading import read_picture
from sceneparse.processes.machine import usable_cores
from sceneparse.progress import progress_bar

Item = TypeVar("Item")
Result = TypeVar("Result")

Copy = Callable[[bool], None]
"""Copies a source; the argument says whether a progress bar is shown."""

SHORT = 512
"""Shorter sides are scaled down to this many pixels."""

QUALITY = 92
"""JPEG quality of pictures that are scaled."""


def ade20k(root: Path, out: Path) -> Copy:
    """List ADE20K's pictures; return what copies them."""
    pictures = ade_pictures(root, "all")

    def one(picture: Path) -> str:
        target = out / ADE20K / picture.relative_to(root)
        size = decode(picture, pixels=False).size
        _copy_picture(picture, target, size)
        for suffix in ("_seg.png", "_parts_1.png"):
            source = picture.with_name(picture.stem + suffix)
            if source.exists():
                _copy_map(source, target.with_name(target.stem + suffix), picture, size)
        return ade_scene(picture) or MISC

    def copy(progress: bool) -> None:
        scenes = _each(one, pictures, "ADE20K", progress)
        rows = ["folder,filename", *(f"{p.relative_to(root).parent.as_posix()},{p.name}" for p in pictures)]
        write_text(out / ADE20K_LISTS / "index_ade20k.csv", "\n".join(rows) + "\n")
        lines = [f"{picture.stem} {scene}" for picture, scene in zip(pictures, scenes, strict=True)]
        write_text(out / ADE20K_LISTS / "scene_categories.txt", "\n".join(lines) + "\n")

    return copy


def pascal(root: Path, out: Path) -> Copy:
    """List the pictures of Pascal-Part and their annotations; return what copies them."""
    annotations = root / "part" / "Annotations_Part"
    names = sorted(path.stem for path in annotations.glob("*.mat"))
    if not names:
        raise UserError(f"{annotations}: no .mat files; Pascal-Part's annotations belong there")
    forms = ("VOC2010/JPEGImages/{}.jpg", "context/trainval/{}.mat", "part/Annotations_Part/{}.mat")
    files = ["part/part2ind.m", *(form.format(name) for name in names for form in forms)]
    _refuse_absent(root / file for file in files)

    def copy(progress: bool) -> None:
        _each(lambda file: _copy_file(root / file, out / PASCAL / file), files, "Pascal", progress)

    return copy


def opensurfaces(root: Path, out: Path) -> Copy:
    """List OpenSurfaces' photos; return what copies those that have a material."""
    target = out / OPENSURFACES
    photos = opensurfaces_ids(root / "photos.csv")
    _refuse_absent(root / "photos-labels" / f"{photo}.png" for photo in photos)

    def one(photo: str) -> bool:
        labels = root / "photos-labels" / f"{photo}.png"
        if not read_colors(labels)[..., 0].any():
            return False
        picture = root / "photos" / f"{photo}.jpg"
        size = decode(picture, pixels=False).size
        _copy_picture(picture, target / "photos" / f"{photo}.jpg", size)
        _copy_map(labels, target / "photos-labels" / f"{photo}.png", picture, size)
        return True

    def copy(progress: bool) -> None:
        labelled = _each(one, photos, "OpenSurfaces", progress)
        rows = ["photo_id", *(photo for photo, kept in zip(photos, labelled, strict=True) if kept)]
        write_text(target / "photos.csv", "\n".join(rows) + "\n")

    return copy


def dtd(root: Path, out: Path) -> Copy:
    """List DTD's pictures; return what copies them."""
    listing = root / "labels" / "labels_joint_anno.txt"
    files = dtd_files(listing)
    _refuse_absent(root / "images" / file for file in files)

    def copy(progress: bool) -> None:
        _each(lambda file: _copy_file(root / "images" / file, out / DTD / file), files, "DTD", progress)
        _copy_file(listing, out / DTD_LIST)

    return copy


SOURCES: dict[str, Callable[[Path, Path], Copy]] = {
    "ade20k": ade20k,
    "pascal": pascal,
    "os": opensurfaces,
    "dtd": dtd,
}
"""By the names that records have, what lists a source in its folder and gives what copies it to another."""


def _refuse_absent(files: Iterable[Path]) -> None:
    absent = [file for file in files if not file.is_file()]
    if absent:
        more = f" (and {len(absent) - 1:,} more)" if len(absent) > 1 else ""
        raise UserError(f"{absent[0]}: no such file{more}; unpack the whole archive, or fetch it again")


def _copy_picture(source: Path, target: Path, size: tuple[int, int]) -> None:
    """Copy a picture, scaled if it is large.

    Args:
        source: The picture.
        target: Where it goes.
        size: Its height and width, once upright.
    """
    new = shrunken_size(*size, SHORT)
    if new == size:
        _copy_file(source, target)
    elif not _copied(source, target, new):
        image = Image.fromarray(read_picture(source).permute(1, 2, 0).numpy())
        with _timed(source, target) as temporary:
            image.resize(new[::-1], Image.Resampling.BILINEAR).save(temporary, format="JPEG", quality=QUALITY)


def _copy_map(source: Path, target: Path, picture: Path, size: tuple[int, int]) -> None:
    """Copy a map of ids, scaled as its picture is, without interpolation.

    Args:
        source: The map.
        target: Where it goes.
        picture: Its picture.
        size: The picture's height and width, once upright.

    Raises:
        PictureError: The map has another shape than the picture.
    """
    new = shrunken_size(*size, SHORT)
    if _copied(source, target, new):
        return
    colors = read_colors(source)
    _refuse_other_shape(source, (colors.shape[0], colors.shape[1]), picture, size)
    if colors.shape[:2] == new:
        _copy_file(source, target)
        return
    with _timed(source, target) as temporary:
        Image.fromarray(colors).resize(new[::-1], Image.Resampling.NEAREST).save(temporary, format="PNG")


def _refuse_other_shape(source: Path, own: tuple[int, int], picture: Path, size: tuple[int, int]) -> None:
    """Refuse a map that no scaling lays over its picture; sides may be rounded."""
    if abs(own[0] * size[1] - own[1] * size[0]) <= max(*own, *size):
        return
    turned = own == size[::-1] and decode(picture, pixels=False).orientation >= 5
    advice = (
        "the picture's EXIF turns it upright, but the map was drawn on the unturned pixels: save the picture without "
        "EXIF, its pixels as they are stored"
        if turned
        else "fetch both again"
    )
    raise PictureError(
        f"{source}: {own[1]}×{own[0]} pixels, but its picture {picture} has {size[1]}×{size[0]}, another shape; "
        f"{advice}",
        "turned" if turned else "size",
    )


def _copy_file(source: Path, target: Path) -> None:
    if _copied(source, target):
        return
    with _timed(source, target) as temporary:
        shutil.copyfile(source, temporary)


def _copied(source: Path, target: Path, size: tuple[int, int] | None = None) -> bool:
    """Whether a file was copied already, by its time; a picture also by its stored height and width, if given."""
    try:
        if target.stat().st_mtime_ns != source.stat().st_mtime_ns:
            return False
    except FileNotFoundError:
        return False
    return size is None or decode(target, pixels=False, oriented=False).size == size


@contextmanager
def _timed(source: Path, target: Path) -> Iterator[Path]:
    """Write a file, whole or not at all, that has its source's time.

    Raises:
        UserError: The source is not there.
    """
    try:
        before = source.stat()
    except FileNotFoundError:
        raise UserError(f"{source}: no such file") from None
    with whole_file(target) as temporary:
        yield temporary
        os.utime(temporary, ns=(before.st_atime_ns, before.st_mtime_ns))


def _each(work: Callable[[Item], Result], items: Sequence[Item], title: str, progress: bool) -> list[Result]:
    with progress_bar(progress, len(items), f"copying {title}") as step:

        def one(item: Item) -> Result:
            result = work(item)
            step()
            return result

        with ThreadPoolExecutor(usable_cores()) as pool:
            return list(pool.map(one, items))
