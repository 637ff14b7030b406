"""A data set of kind folder: pictures, masks and a classes.json, ready to train on."""

import os
import shutil
from pathlib import Path

import torch

from sceneparse.datasets.forms.form import Annotated, AnnotatedPictures, AnnotationForm, with_ignored_value
from sceneparse.errors import UserError
from sceneparse.files import write_json
from sceneparse.pictures.decoding import decode
from sceneparse.pictures.forms import PICTURE_SUFFIXES
from sceneparse.pictures.masks import write_mask

EVERY = 5
"""Every so manieth picture goes into val, the others into train."""


def write(folder: Path, annotated: AnnotatedPictures) -> None:
    """Write {train,val}/images and {train,val}/masks; pictures are hard links to the originals, or else copies.

    Pixels without a class get a value that classes.json ignores.

    Raises:
        UserError: Fewer than two pictures, or one that is not there any more.
    """
    if len(annotated.pictures) < 2:
        raise UserError("one picture cannot be both trained on and validated with: give two or more, or another form")
    space = with_ignored_value(annotated.labels)
    for number, one in enumerate(annotated):
        split = folder / ("train" if number % EVERY else "val")
        _put(one.picture, split / "images" / f"{one.name}{_suffix(one)}")
        write_mask(split / "masks" / f"{one.name}.png", torch.from_numpy(one.read()), space)
    write_json(folder / "classes.json", space.to_json())


def _suffix(one: Annotated) -> str:
    """The suffix of a picture's copy: its own, or its format's where pictures are not found by that."""
    suffix = one.picture.suffix
    return suffix if suffix.lower() in PICTURE_SUFFIXES else f".{decode(one.picture, pixels=False).format.lower()}"


def _put(picture: Path, copy: Path) -> None:
    if not picture.is_file():
        raise UserError(f"{picture}: no such file now, so that it cannot be put beside its mask; parse it again")
    copy.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(picture.resolve(), copy)
    except OSError:  # another disk, or one that has no links
        shutil.copy2(picture, copy)


FOLDER = AnnotationForm("pictures and masks to train on, as a data set of kind folder", write, pictures=True)
