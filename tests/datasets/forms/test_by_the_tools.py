"""The tools themselves read what is written for them; none is an extra: one of them alone takes half a gigabyte."""

import json
import sys
import zipfile
from pathlib import Path
from unittest.mock import MagicMock
from urllib.parse import unquote

import numpy as np
import pytest

from sceneparse.datasets.forms.form import AnnotatedPictures
from sceneparse.datasets.forms.table import FORMS
from tests.support.label_maps import NAMES, files, label_maps

WINDOWS = ("onnxruntime", "osam", "PyQt5", "PyQt5.QtCore", "PyQt5.QtGui", "PyQt5.QtWidgets")
"""What labelme's window needs, and its files do not."""


def test_labelme_draws_the_same_pixels(
    annotated: AnnotatedPictures, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in WINDOWS:
        monkeypatch.setitem(sys.modules, name, sys.modules.get(name, MagicMock()))
    reader = pytest.importorskip("labelme._label_file", reason="labelme is not installed")
    from labelme import utils

    FORMS["labelme"].write(out, annotated)
    # labelme's background is what nobody drew.
    values = {"_background_": 0, "__ignore__": 255, **{name: index for index, name in enumerate(NAMES, 1)}}
    for one in annotated:
        shapes = reader.LabelFile(str(out / f"{one.name}.json")).shapes
        drawn, _ = utils.shapes_to_label(one.size, shapes, values)
        np.testing.assert_array_equal(drawn, np.where(one.read() < 0, 255, one.read() + 1))


def test_label_studios_own_decoder_reads_the_same_pixels(annotated: AnnotatedPictures, out: Path) -> None:
    brush = pytest.importorskip("label_studio_sdk.converter.brush", reason="label-studio-sdk is not installed")
    FORMS["label_studio"].write(out, annotated)
    tasks = json.loads((out / "tasks.json").read_text(encoding="utf-8"))
    assert len(tasks) == len(files())
    for task in tasks:
        labels = label_maps()[files()[unquote(task["data"]["image"]).partition("?d=")[2]]]
        found = np.full(labels.shape, -1)
        (given,) = task.get("annotations") or task["predictions"]
        for region in given["result"]:
            (name,) = region["value"]["brushlabels"]
            pixels = brush.decode_rle(region["value"]["rle"]).reshape(*labels.shape, 4)
            found[pixels[..., 3] > 127] = NAMES.index(name)
        np.testing.assert_array_equal(found, labels)


def test_datumaro_imports_cvats_masks_as_they_are(annotated: AnnotatedPictures, out: Path) -> None:
    pytest.importorskip("datumaro", reason="datumaro is not installed")
    from datumaro.components.annotation import AnnotationType
    from datumaro.components.dataset import Dataset

    FORMS["cvat"].write(out, annotated)
    with zipfile.ZipFile(out / "annotations.zip") as archive:
        archive.extractall(out / "unpacked")
    read = Dataset.import_from(str(out / "unpacked"), "voc_segmentation")
    names = [label.name for label in read.categories()[AnnotationType.label]]
    assert [name for name in names if name != "background"] == list(NAMES)
    items = {item.id: item for item in read}
    assert items.keys() == {name.removesuffix(".png") for name in label_maps()}
    for name, labels in label_maps().items():
        found = np.full(labels.shape, -1)
        for one in items[name.removesuffix(".png")].annotations:
            if names[one.label] != "background":
                found[one.image.astype(bool)] = NAMES.index(names[one.label])
        np.testing.assert_array_equal(found, labels)
