"""What is known of one picture and its mask: everything is read, nothing is raised."""

import hashlib
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sceneparse.data.sample import Sample
from sceneparse.datasets.layout import MaskDecoder
from sceneparse.datasets.matching import Pair
from sceneparse.datasets.pairs import mismatch
from sceneparse.doctor.looks import Looks, MaskLook, PictureLook, mask_look, picture_look
from sceneparse.doctor.quick_facts import QuickLook
from sceneparse.labels import IGNORE, LabelSpace
from sceneparse.pictures.decoding import decode
from sceneparse.pictures.masks import indices_of
from sceneparse.pictures.problems import PictureError, Problem, described
from sceneparse.pictures.reading import Reading, picture_of
from sceneparse.pictures.stored_masks import stored_mask


@dataclass(frozen=True)
class Trouble:
    """Something wrong with one file: its kind, the file, and a line about it."""

    problem: Problem
    file: Path
    message: str


@dataclass(frozen=True)
class Facts:
    """What is known about one pair after reading it.

    Args:
        image: The picture's file.
        mask: The mask's file.
        digest: Hash of the picture file's content; None if it cannot be read.
        size: (height, width) of the picture, upright; None if it cannot be used.
        mode: Pillow's colour mode of the picture.
        pixels: Pixels of each class, (C,) int64.
        ignored: Ignored pixels.
        total: Pixels of the mask, 0 if it cannot be used.
        unknown: Mask values outside the label space, with their pixel counts.
        troubles: What is wrong.
        looks: How the two files hold what they hold.
        sample: What the sample is, where that is not its picture's file.
    """

    image: Path
    mask: Path
    digest: bytes | None
    size: tuple[int, int] | None
    mode: str
    pixels: NDArray[np.int64]
    ignored: int
    total: int
    unknown: Mapping[str, int] = field(default_factory=dict)
    troubles: tuple[Trouble, ...] = ()
    looks: Looks = field(default_factory=Looks)
    sample: Hashable = None

    @property
    def identity(self) -> Hashable:
        """What tells the sample from all others, the same in whichever split it comes."""
        return self.image if self.sample is None else self.sample


def pair_facts(
    pair: Pair,
    labels: LabelSpace,
    channels: int,
    reading: Reading = Reading(),  # noqa: B008
    indices_of: MaskDecoder = indices_of,
    quick: QuickLook | None = None,
) -> Facts:
    """Read a picture and its mask whole, and return what is known about them; nothing is raised.

    Args:
        pair: The files.
        labels: The label space of the masks.
        channels: Channels of the pictures.
        reading: How they are read.
        indices_of: Translates what a mask file stores.
        quick: Reads the commonest forms; None reads all in full.
    """
    troubles: list[Trouble] = []
    picture: PictureLook | None = None
    digest, size, mode = None, None, ""
    try:
        content = pair.image.read_bytes()
        digest = hashlib.blake2b(content, digest_size=16).digest()
        known = None if quick is None else quick.picture(content)
        if known is not None:
            size, mode, picture = known
        else:
            decoded = decode(content)
            mode = decoded.form
            shown = picture_of(decoded, channels, orientation=reading.orientation, value_range=reading.value_range)
            size = (shown.shape[1], shown.shape[2])
            picture = picture_look(decoded, shown)
    except OSError as error:
        troubles.append(Trouble("unreadable", pair.image, f"{pair.image}: cannot be read ({error.strerror})"))
    except PictureError as error:
        message = str(error).replace(described(content), str(pair.image), 1)
        troubles.append(Trouble(error.problem, pair.image, message))
    pixels, ignored, total = np.zeros(len(labels), dtype=np.int64), 0, 0
    unknown: dict[str, int] = {}
    mask: MaskLook | None = None
    mask_size: tuple[int, int] | None = None
    try:
        counted = None if quick is None else quick.mask(pair.mask)
        if counted is not None:
            mask_size, pixels, ignored, mask = counted
        else:
            stored = stored_mask(decode(pair.mask, stored=True))
            indices, unknown = indices_of(stored, labels, orientation=reading.orientation)
            mask = mask_look(stored)
            mask_size = (indices.shape[0], indices.shape[1])
            pixels, ignored = _count(indices, len(labels))
            ignored -= sum(unknown.values())
    except PictureError as error:
        troubles.append(Trouble(error.problem, pair.mask, str(error)))
    else:
        total = mask_size[0] * mask_size[1]
        wrong = mismatch(pair, size, mask_size, reading.orientation) if size is not None else None
        if wrong is not None:
            troubles.append(Trouble(wrong.problem, pair.mask, str(wrong)))
    looks = Looks(picture, mask)
    return Facts(pair.image, pair.mask, digest, size, mode, pixels, ignored, total, unknown, tuple(troubles), looks)


def facts_of_rendered(sample: Sample, labels: LabelSpace) -> Facts:
    """Return what is known about a rendered sample, which has no files."""
    assert sample.objects is not None
    pixels, ignored = _count(sample.objects.numpy(), len(labels))
    return Facts(Path(sample.name), Path(), None, sample.size, "RGB", pixels, ignored, sample.objects.numel())


def relative(file: Path, root: Path) -> str:
    """The file's path below the data set's folder, for lists."""
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else str(file)


def _count(indices: NDArray[np.int16], classes: int) -> tuple[NDArray[np.int64], int]:
    counts = np.bincount((indices - IGNORE).ravel(), minlength=classes + 1)
    return counts[1:].astype(np.int64), int(counts[0])
