"""A table of how much of each picture every class takes."""

import csv
from pathlib import Path

import numpy as np

from sceneparse.datasets.forms.form import AnnotatedPictures, AnnotationForm

FILE = "shares.csv"
_FIRST = ("file", "width", "height")


def columns(names: tuple[str, ...]) -> list[str]:
    """Return the classes' columns: their names, with " (class)" behind where another column is called so."""
    found: list[str] = []
    for name in names:
        column = name
        while column in _FIRST or (column != name and column in names):
            column += " (class)"
        found.append(column)
    return found


def write(folder: Path, annotated: AnnotatedPictures) -> None:
    """Write a row for each picture: its file, width and height, and of each class the share of its pixels, 0 to 1.

    What is missing to 1 has no class.
    """
    with (folder / FILE).open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow([*_FIRST, *columns(annotated.labels.names)])
        for one in annotated.by_file():
            height, width = one.size
            pixels = np.bincount(one.read().ravel() + 1, minlength=len(annotated.labels) + 1)[1:]
            rows.writerow([one.file, width, height, *(f"{count / (height * width):.6f}" for count in pixels.tolist())])


CSV = AnnotationForm("a table of the share of each class in each picture", write)
