"""Datumaro's own JSON, and what Datumaro writes in other tools' forms."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sceneparse.data.sample import notes_of
from sceneparse.datasets.opening import open_dataset
from sceneparse.datasets.recognising import recognise
from sceneparse.doctor import check
from sceneparse.errors import UserError
from sceneparse.settings import DataSettings
from tests.datasets.test_mask_exports import checked, pixels
from tests.support import mask_exports as made


class TestDatumaro:
    def test_the_higher_z_order_is_on_top_and_polygons_fill_as_pycocotools_does(self, tmp_path: Path) -> None:
        pytest.importorskip("pycocotools", reason="pycocotools is not installed (extra annotations)")
        made.datumaro(tmp_path)
        path = tmp_path / "annotations" / "train.json"
        whole = json.loads(path.read_text())
        square = {"type": "polygon", "label_id": 2, "points": [1, 1, 3, 1, 3, 3, 1, 3], "z_order": 9}
        whole["items"][0]["annotations"] = [square, {**square, "label_id": 0, "z_order": 1}]
        path.write_text(json.dumps(whole))
        objects = open_dataset(DataSettings("datumaro", root=str(tmp_path)), "train")[0].objects
        assert objects is not None and objects.nonzero().tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]
        assert objects.max() == 3

    def drawn_as(self, root: Path, *pictures: list[dict[str, object]]) -> DataSettings:
        """An export whose first pictures of train have these annotations, and the others none."""
        made.datumaro(root)
        path = root / "annotations" / "train.json"
        whole = json.loads(path.read_text())
        for number, item in enumerate(whole["items"]):
            item["annotations"] = pictures[number] if number < len(pictures) else []
        path.write_text(json.dumps(whole))
        return DataSettings("datumaro", root=str(root))

    def test_an_ellipse_covers_the_pixels_that_datumaro_gives_it(self, tmp_path: Path) -> None:
        pytest.importorskip("pycocotools", reason="pycocotools is not installed (extra annotations)")
        settings = self.drawn_as(tmp_path, [{"type": "ellipse", "label_id": 1, "points": [2, 2, 10, 10]}])
        objects = open_dataset(settings, "train")[0].objects
        assert objects is not None
        # Of PolygonsToMasks, Datumaro 1.13.12.
        assert (objects == 2).sum(1).tolist()[:12] == [0, 0, 4, 6, 8, 8, 8, 8, 6, 4, 0, 0]
        assert (objects == 2).sum() == 52

    @pytest.mark.parametrize("points", [None, [1, 2, 3], [1, 2, 3, float("nan")], "1234"])
    def test_an_ellipse_without_its_box_is_refused(self, points: object, tmp_path: Path) -> None:
        settings = self.drawn_as(tmp_path, [{"type": "ellipse", "label_id": 1, "points": points}])
        with pytest.raises(UserError, match="a drawing of train_0 cannot be read: an ellipse is not given by the left"):
            open_dataset(settings, "train")[0]

    def test_a_subset_to_test_on_that_nobody_annotated_yet_is_a_warning(self, tmp_path: Path) -> None:
        settings = self.drawn_as(tmp_path)
        (tmp_path / "annotations" / "train.json").rename(tmp_path / "annotations" / "test.json")
        made.datumaro(tmp_path)
        diagnosis = checked(tmp_path, "datumaro")
        (finding,) = [one for one in diagnosis.findings if one.code == "empty-split"]
        assert diagnosis.ok and finding.severity == "warning" and "nothing is drawn on any picture" in finding.message
        assert not check(replace(settings, val="test"), progress=False, workers=1).ok

    def test_what_has_no_area_or_no_class_is_counted_and_alone_is_refused(self, tmp_path: Path) -> None:
        polygon = {"type": "polygon", "label_id": 2, "points": [1, 1, 3, 1, 3, 3, 1, 3]}
        box = {"type": "bbox", "label_id": 1, "bbox": [1, 2, 3, 4]}
        point = {"type": "points", "label_id": 1, "points": [1, 2]}
        nobody = {**polygon, "label_id": None}
        whole = open_dataset(self.drawn_as(tmp_path / "a", [polygon, box, point, nobody], [box]), "train")
        path = tmp_path / "a" / "annotations" / "train.json"
        assert len(whole) == 1
        assert {str(note) for note in notes_of(whole)} >= {
            f"{path}: 1 picture with nothing on it that has both area and class left out",
            f"{path}: 3 annotations without area (2 bbox, 1 points) left out",
            f"{path}: 1 drawing without a class left out",
        }
        with pytest.raises(UserError, match=r"nothing that covers pixels \(1 bbox\): parsing needs outlines"):
            open_dataset(self.drawn_as(tmp_path / "b", [box]), "train")
        with pytest.raises(UserError, match="no drawing has a class"):
            open_dataset(self.drawn_as(tmp_path / "c", [nobody]), "train")

    def test_bad_files_are_one_line(self, tmp_path: Path) -> None:
        made.datumaro(tmp_path)
        path = tmp_path / "annotations" / "train.json"
        whole = json.loads(path.read_text())
        settings = DataSettings("datumaro", root=str(tmp_path))
        whole["items"][0]["annotations"][0]["rle"]["counts"] = [3]
        path.write_text(json.dumps(whole))
        with pytest.raises(UserError, match="a drawing of train_0 cannot be read: its run lengths add up to 3 pixels"):
            open_dataset(settings, "train")[0]
        whole["items"][0]["annotations"][0]["label_id"] = 77
        path.write_text(json.dumps(whole))
        with pytest.raises(UserError, match="has a drawing of class 77, which is none"):
            open_dataset(settings, "train")[0]
        (tmp_path / "images" / "train" / "train_1.jpg").unlink()
        with pytest.raises(UserError, match=r"1 picture not in .*, the first is train_1\.jpg"):
            open_dataset(settings, "train")


DATUMARO_FORMATS = {
    "voc_segmentation": "cvat",
    "camvid": "camvid_form",
    "cityscapes": "cityscapes_form",
    "kitti_segmentation": "kitti_form",
    "datumaro": "datumaro",
}


@pytest.mark.parametrize("form", DATUMARO_FORMATS)
@pytest.mark.parametrize("colored", (True, False))
def test_what_datumaro_itself_writes_is_counted_as_it_was_drawn(form: str, colored: bool, tmp_path: Path) -> None:
    pytest.importorskip("datumaro", reason="datumaro is not installed; with half a gigabyte it is no extra")
    from datumaro.components.annotation import AnnotationType, LabelCategories, Mask, MaskCategories
    from datumaro.components.dataset import Dataset
    from datumaro.components.dataset_base import DatasetItem
    from datumaro.components.media import Image as Media

    names = ("background", *made.NAMES)
    items = [
        DatasetItem(
            id=f"sub/{name}",
            subset=split,
            media=Media.from_numpy(made.picture(seed), ext=".png"),
            annotations=[
                Mask(made.labels(index) == value, label=value, id=value, group=value)
                for value in (1, 2, 3)
                if (made.labels(index) == value).any()
            ],
        )
        for split, name, index, seed in made.each()
    ]
    categories = {AnnotationType.label: LabelCategories.from_iterable(names)}
    if colored:
        categories[AnnotationType.mask] = MaskCategories(dict(enumerate(((0, 0, 0), *made.COLORS))))
    written = Dataset.from_iterable(items, categories=categories, media_type=Media)
    try:
        written.export(str(tmp_path / "out"), form, save_media=True)
    except OSError as error:  # its index masks want a Pillow below 13
        pytest.skip(f"datumaro cannot write this form here: {error}")
    assert recognise(tmp_path / "out").kind == DATUMARO_FORMATS[form]
    diagnosis = checked(tmp_path / "out", DATUMARO_FORMATS[form])
    assert diagnosis.ok and diagnosis.labels.names == names and pixels(diagnosis) == made.counts()


@pytest.mark.parametrize(
    "head",
    [
        {"info": {}},
        {"info": {"author": "somebody " * 99, "labels": ["x"]}, "media_type": 2},
        {"dm_format_version": "1.0", "media_type": 2, "infos": {}},
        {},
    ],
)
@pytest.mark.parametrize("folder", ["images/default", "images"])
def test_datumaro_json_as_cvat_s_fork_writes_it_is_recognised_and_read(
    head: dict[str, object], folder: str, tmp_path: Path
) -> None:
    pytest.importorskip("pycocotools", reason="pycocotools is not installed")
    made.save(np.zeros((20, 30, 3), np.uint8), tmp_path / folder / "frame 1.png")
    drawing = {
        "id": 0,
        "type": "polygon",
        "attributes": {"occluded": False},
        "group": 0,
        "label_id": 0,
        "points": [2, 2, 12, 2, 12, 12, 2, 12],
        "z_order": 0,
    }
    item = {"id": "frame 1", "annotations": [drawing], "attr": {"frame": 0}, "image": {"path": "frame 1.png"}}
    labels = {"labels": [{"name": "car", "parent": "", "attributes": []}], "attributes": ["occluded"]}
    whole = {**head, "categories": {"label": labels, "points": {"items": []}}, "items": [item]}
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "default.json").write_text(json.dumps(whole))
    assert recognise(tmp_path).kind == "datumaro"
    objects = open_dataset(DataSettings("datumaro", root=str(tmp_path)), "all")[0].objects
    assert objects is not None
    truth = np.zeros((20, 30), int)
    truth[2:12, 2:12] = 1
    assert np.array_equal(objects.numpy(), truth)
