from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from sceneparse.datasets.forms.form import Annotated, AnnotatedPictures
from tests.support.label_maps import SPACE, label_maps


@pytest.fixture
def annotated(tmp_path: Path) -> AnnotatedPictures:
    pictures = []
    for name, labels in label_maps().items():
        path = tmp_path / "pictures" / (name if "." in name else f"{name}.jpg")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", labels.shape[::-1], (9, 99, 199)).save(path)
        pictures.append(Annotated(name, path, (len(labels), labels.shape[1]), partial(label_maps().__getitem__, name)))
    return AnnotatedPictures(tuple(pictures), SPACE, "a model")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder
