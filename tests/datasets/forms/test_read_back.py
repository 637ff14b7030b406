"""What `data export` writes in a tool's form is recognised, and read back as what it was written of."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sceneparse.datasets.forms.table import FORMS
from sceneparse.datasets.opening import open_dataset
from sceneparse.datasets.recognising import recognise
from sceneparse.datasets.writing import export_dataset
from sceneparse.doctor import check
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE
from sceneparse.settings import DataSettings

READERS = {
    "coco": "coco",
    "coco_polygons": "coco",
    "cvat": "cvat",
    "labelme": "labelme",
    "label_studio": "label_studio",
    "folder": "folder",
}
"""The kind that reads each form. Shares of classes (csv) hold no pixels."""

SPACES: dict[str, dict[str, Any]] = {
    "all labelled": {"names": ["sky", "road", "never seen"]},
    "some ignored": {"names": ["sky", "road", "never seen"], "ignore": 255},
    "a background, some ignored": {"names": ["sky", "background", "never seen"], "ignore": 255},
}


def write_source(root: Path, space: str) -> DataSettings:
    generator = np.random.default_rng(0)
    values = [0, 1, 255] if "ignore" in SPACES[space] else [0, 1]
    for split, count in {"train": 3, "val": 2}.items():
        for number in range(count):
            for kind, pixels in {
                "images": generator.integers(0, 256, (9, 14, 3), np.uint8),
                "masks": generator.choice(values, (9, 14)).astype(np.uint8),
            }.items():
                path = root / split / kind / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)
    (root / "classes.json").write_text(json.dumps(SPACES[space]))
    return DataSettings(root=str(root))


def named(dataset: object, index: int) -> list[str | None]:
    objects, names = dataset[index].objects, dataset.labels.names  # type: ignore[index, attr-defined]
    return [None if value == IGNORE else names[value] for value in objects.flatten().tolist()]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCENEPARSE_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("form", [name for name in FORMS if name != "csv"])
def test_what_is_exported_is_recognised_and_has_the_same_class_at_every_pixel(
    form: str, space: str, tmp_path: Path
) -> None:
    if form.startswith("coco"):
        pytest.importorskip("pycocotools", reason="pycocotools is not installed")
    source, out = write_source(tmp_path / "source", space), tmp_path / "out"
    export_dataset(source, out, form=form, progress=False)
    assert recognise(out).kind == READERS[form]
    back = DataSettings(READERS[form], root=str(out))
    for split in ("train", "val"):
        ours, theirs = open_dataset(source, split), open_dataset(back, split)
        assert set(theirs.labels.names) == set(ours.labels.names)
        assert [named(theirs, index) for index in range(len(theirs))] == [named(ours, i) for i in range(len(ours))]
    before, after = check(source, progress=False), check(back, progress=False)
    assert after.ok and len(after.splits) == 2
    for one, other in zip(before.splits, after.splits, strict=True):
        counts = dict(zip(after.labels.names, other.pixels, strict=True))
        assert counts == dict(zip(before.labels.names, one.pixels, strict=True))
        assert (other.ignored, other.total) == (one.ignored, one.total)


def test_labelme_keeps_the_order_of_classes_around_its_background(tmp_path: Path) -> None:
    settings = write_source(tmp_path / "source", "all labelled")
    space = {"names": ["sky", "_background_", "never seen"]}
    (tmp_path / "source" / "classes.json").write_text(json.dumps(space))
    export_dataset(settings, tmp_path / "out", form="labelme", progress=False)
    back = open_dataset(DataSettings("labelme", root=str(tmp_path / "out")), "train")
    assert back.labels.names == ("sky", "_background_", "never seen")
    assert named(back, 0) == named(open_dataset(settings, "train"), 0)


def test_pixels_that_nobody_drew_are_background_where_the_setting_says_so(tmp_path: Path) -> None:
    export_dataset(write_source(tmp_path / "source", "some ignored"), tmp_path / "out", form="cvat", progress=False)
    options = {"unlabelled": "background"}
    back = open_dataset(DataSettings("cvat", root=str(tmp_path / "out"), options=options), "train")
    assert back.labels.names == ("background", "sky", "road", "never seen")


def test_splits_of_a_cvat_export_with_other_classes_are_refused(tmp_path: Path) -> None:
    for split, names in {"train": "sky", "val": "road"}.items():
        tree = tmp_path / split
        for folder in ("JPEGImages", "SegmentationClass"):
            (tree / folder).mkdir(parents=True)
            Image.new("RGB", (4, 4), (1, 2, 3)).save(tree / folder / "a.png")
        (tree / "labelmap.txt").write_text(f"background:0,0,0::\n{names}:1,2,3::\n")
    with pytest.raises(UserError, match=r"train/labelmap.txt and .*val/labelmap.txt name different classes"):
        open_dataset(DataSettings("cvat", root=str(tmp_path)), "train")
    (tmp_path / "val/labelmap.txt").write_text("background:0,0,0::\nsky:1,2,3::\nignored:224,224,192::\n")
    back = open_dataset(DataSettings("cvat", root=str(tmp_path)), "train")
    assert back.labels.names == ("background", "sky") and back.labels.ignore_colors == ((224, 224, 192),)


def test_predictions_that_nobody_accepted_are_not_learnt_from(tmp_path: Path) -> None:
    export_dataset(
        write_source(tmp_path / "source", "all labelled"), tmp_path / "out", form="label_studio", progress=False
    )
    for path in tmp_path.glob("out/*/tasks.json"):
        path.write_text(path.read_text().replace('"annotations"', '"predictions"'))
    with pytest.raises(UserError, match="a model's predictions alone are not learnt from"):
        open_dataset(DataSettings("label_studio", root=str(tmp_path / "out")), "train")


def test_shares_of_classes_hold_no_masks_which_the_message_says(tmp_path: Path) -> None:
    export_dataset(write_source(tmp_path / "source", "all labelled"), tmp_path / "out", form="csv", progress=False)
    with pytest.raises(UserError, match=r"`data export --as csv` wrote, which no kind reads back"):
        open_dataset(DataSettings(root=str(tmp_path / "out")), "train")
