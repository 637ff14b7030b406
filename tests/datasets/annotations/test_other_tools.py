"""Supervisely, V7 Darwin and Segments.ai: what their exports may hold besides what `test_exports.py` reads."""

import base64
import json
import shutil
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sceneparse.data.sample import notes_of
from sceneparse.datasets.annotations.darwin_masks import mapping
from sceneparse.datasets.annotations.filling import inside_paths
from sceneparse.datasets.annotations.opencv_fill import filled as opencv_filled
from sceneparse.datasets.annotations.upolygon_fill import filled as upolygon_filled
from sceneparse.datasets.opening import open_dataset
from sceneparse.errors import UserError
from sceneparse.settings import DataSettings

EXPORTS = Path(__file__).parent / "exports"


def changed(tool: str, folder: Path, file: str, change: Any) -> DataSettings:
    """A copy of an export in which one JSON file is changed."""
    root = Path(shutil.copytree(EXPORTS / tool, folder / tool))
    whole = json.loads((root / file).read_text())
    change(whole)
    (root / file).write_text(json.dumps(whole))
    return DataSettings(tool, root=str(root))


def objects(settings: DataSettings, name: str, split: str = "all") -> NDArray[np.int16]:
    dataset = open_dataset(settings, split)
    found = dataset[[dataset.name(index) for index in range(len(dataset))].index(name)].objects
    assert found is not None
    array: NDArray[np.int16] = found.numpy()
    return array


def random_path(rng: np.random.Generator, size: tuple[int, int]) -> list[tuple[int, int]]:
    return [(int(rng.integers(size[1])), int(rng.integers(size[0]))) for _ in range(int(rng.integers(1, 9)))]


def test_polygons_are_opencv_s() -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed; exports/supervisely holds masks that it made")
    rng = np.random.default_rng(0)
    for _ in range(300):
        size = (int(rng.integers(1, 60)), int(rng.integers(1, 60)))
        path, truth = random_path(rng, size), np.zeros(size, np.uint8)
        cv2.fillPoly(truth, [np.array(path, np.int32)], 1)
        assert np.array_equal(opencv_filled([path], size), truth)


def test_polygons_are_upolygon_s() -> None:
    upolygon = pytest.importorskip("upolygon", reason="upolygon is not installed; exports/darwin holds masks of it")
    rng = np.random.default_rng(0)
    for _ in range(300):
        size = (int(rng.integers(1, 60)), int(rng.integers(1, 60)))
        paths = [random_path(rng, size) for _ in range(int(rng.integers(1, 4)))]
        flat = [[value for corner in path for value in corner] for path in paths]
        assert np.array_equal(upolygon_filled(paths, size), upolygon.draw_polygon(np.zeros(size, np.uint8), flat, 1))


def test_a_polygon_that_leaves_the_picture_is_cut_off_at_its_border() -> None:
    path = [(-20, 5), (15, -30), (60, 12), (9, 44)]
    whole = opencv_filled([[(x + 40, y + 40) for x, y in path]], (120, 120))
    assert np.array_equal(opencv_filled([path], (30, 33)), whole[40:70, 40:73])


def test_pixels_are_inside_by_their_centres() -> None:
    rng = np.random.default_rng(3)
    for _ in range(30):
        path = [(float(x), float(y)) for x, y in rng.uniform(-5, 25, (int(rng.integers(3, 9)), 2))]
        y, x = np.indices((20, 20)) + 0.5
        inside = np.zeros((20, 20), bool)
        for (x0, y0), (x1, y1) in zip(path, [*path[1:], path[0]], strict=True):
            between = (y0 <= y) != (y1 <= y)
            inside ^= between & (x >= x0 + (y - y0) * (x1 - x0) / (y1 - y0 if y1 != y0 else 1))
        assert np.array_equal(inside_paths([path], (20, 20)), inside)


class TestSupervisely:
    def test_its_datasets_are_splits(self) -> None:
        settings = DataSettings("supervisely", root=str(EXPORTS / "supervisely"))
        assert [len(open_dataset(settings, name)) for name in ("first", "second", "all")] == [2, 1, 3]
        assert open_dataset(settings, "first").labels.colors[1] == (0, 0, 142)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                lambda one: one["objects"][0].update(classTitle="bus"),
                r"object 0 is of class 'bus', which meta\.json does",
            ),
            (
                lambda one: one["objects"][1]["bitmap"].update(data="AAAA"),
                r"object 1 \('car'\): its mask is no picture",
            ),
            (lambda one: one["objects"][0]["points"].update(exterior=[]), "it has no points"),
            (lambda one: one["objects"][0]["points"].update(exterior=[[1, 1e9]]), "beyond 100,000 pixels"),
            (lambda one: one["size"].update(width=51), "annotated at 51×37 pixels, but the picture"),
        ],
    )
    def test_what_is_wrong_is_said_with_the_file(self, change: Any, message: str, tmp_path: Path) -> None:
        settings = changed("supervisely", tmp_path, "first/ann/one.png.json", change)
        with pytest.raises(UserError, match=rf"one\.png\.json: [^\n]*{message}"):
            objects(settings, "first/one")

    def test_a_bitmap_of_a_grey_png_that_is_not_packed_is_read(self, tmp_path: Path) -> None:
        content = BytesIO()
        Image.fromarray(np.full((3, 5), 9, np.uint8)).save(content, "PNG")
        data = base64.b64encode(content.getvalue()).decode()
        figures = [{"classTitle": "car", "bitmap": {"origin": origin, "data": data}} for origin in ([50, 0], [0, 9])]
        settings = changed("supervisely", tmp_path, "second/ann/one.png.json", lambda one: one.update(objects=figures))
        drawn = objects(settings, "second/one")
        assert drawn.sum() == 21 and (drawn[:3, 50:] == 1).all() and (drawn[9:12, :5] == 1).all()

    def test_objects_without_area_are_counted(self, tmp_path: Path) -> None:
        point = {"classTitle": "car", "geometryType": "point", "points": {"exterior": [[1, 1]], "interior": []}}
        settings = changed("supervisely", tmp_path, "second/ann/one.png.json", lambda one: one.update(objects=[point]))
        notes = notes_of(open_dataset(settings, "second"))
        assert f"{settings.root}: 1 object without area (points, lines, graphs) left out" in notes


class TestDarwin:
    def test_masks_in_grey_of_many_classes_are_refused(self, tmp_path: Path) -> None:
        def write(count: int) -> Path:
            rows = [f"{'__background__' if n == 0 else f'c{n}'},{int(n * 255 / count)}" for n in range(count + 1)]
            (tmp_path / "class_mapping.csv").write_text("\n".join(["class_name,class_color", *rows]))
            return tmp_path / "class_mapping.csv"

        assert mapping(write(15), ignoring=True).ignore == (0,)
        with pytest.raises(UserError, match="grey masks of 16 classes, in which V7's export mixes classes up"):
            mapping(write(16), ignoring=False)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("a,b\nc,1\n", "does not begin with class_name,class_color"),
            ("class_name,class_color\ncar,red\n", r"csv:2: expected a class and its value"),
            ("class_name,class_color\ncar,1\nroad,1 2 3\n", "has values and colours"),
        ],
    )
    def test_a_damaged_mapping_is_named(self, text: str, message: str, tmp_path: Path) -> None:
        (tmp_path / "class_mapping.csv").write_text(text)
        with pytest.raises(UserError, match=message):
            mapping(tmp_path / "class_mapping.csv", ignoring=False)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda one: one["annotations"][2]["raster_layer"]["dense_rle"].append(0), "no run lengths"),
            (lambda one: one["annotations"][2]["raster_layer"]["dense_rle"].extend([0, 9]), "has 1,933 pixels, but"),
            (
                lambda one: one["annotations"][2]["raster_layer"]["dense_rle"].__setitem__(0, 9),
                "the value 9, which is no",
            ),
            (lambda one: one["annotations"].pop(0), "holds mask u1, which is none of its annotations"),
            (lambda one: one["annotations"].pop(2), "has masks but no raster layer"),
            (lambda one: one["item"]["slots"][0].update(type="video"), "is of a video"),
            (lambda one: one["annotations"][0].pop("name"), "an annotation has no name"),
        ],
    )
    def test_what_is_wrong_is_said_with_the_file(self, change: Any, message: str, tmp_path: Path) -> None:
        settings = changed("darwin", tmp_path, "releases/latest/annotations/two.json", change)
        with pytest.raises(UserError, match=rf"two\.json: [^\n]*{message}"):
            objects(settings, "drive/two")

    def test_what_has_no_area_is_left_out_and_counted(self, tmp_path: Path) -> None:
        box = {"id": "b", "name": "sign", "bounding_box": {"x": 1, "y": 1, "w": 2, "h": 2}}
        settings = changed(
            "darwin", tmp_path, "releases/latest/annotations/one.json", lambda one: one["annotations"].append(box)
        )
        dataset = open_dataset(settings, "all")
        assert "sign" not in dataset.labels.names
        assert any("1 annotation of other types than polygon and mask" in note for note in dataset.notes)  # type: ignore[attr-defined]


def labels_of(release: Any) -> Any:
    """What a release of Segments.ai says of its first sample."""
    return release["dataset"]["samples"][0]["labels"]["ground-truth"]["attributes"]


class TestSegments:
    FILE = "streets-v1.0.json"

    def test_polygons_are_read_too(self, tmp_path: Path) -> None:
        polygon = {"id": 1, "category_id": 4, "type": "polygon", "points": [[2, 3], [10, 3], [10, 8], [2, 8]]}
        box = {"id": 2, "category_id": 4, "type": "bbox", "points": [[20, 3], [30, 8]]}
        settings = changed(
            "segments",
            tmp_path,
            self.FILE,
            lambda one: (labels_of(one).pop("segmentation_bitmap"), labels_of(one).update(annotations=[polygon, box])),
        )
        notes = notes_of(open_dataset(settings, "all"))
        assert any("1 annotation without area (boxes, lines, points) left out" in str(note) for note in notes)
        drawn = objects(settings, "street 1")
        assert (drawn[3:8, 2:10] == 1).all() and (drawn != -1).sum() == 40

    def test_semantic_masks_are_read_where_there_are_no_others(self, tmp_path: Path) -> None:
        settings = changed("segments", tmp_path, self.FILE, len)
        (file,) = Path(settings.root or "").rglob("street 1_label_ground-truth.png")
        file.unlink()
        semantic = file.with_name("street 1_label_ground-truth_semantic.png")
        Image.fromarray(np.full((37, 52), 4, np.uint8)).save(semantic)
        assert (objects(settings, "street 1") == 1).all()
        Image.fromarray(np.zeros((37, 52), np.uint8)).save(semantic)
        with pytest.raises(UserError, match="is all 0 though objects are annotated"):
            objects(settings, "street 1")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda one: labels_of(one)["annotations"].pop(), r"segment 70000 at \d+ pixels is none"),
            (
                lambda one: labels_of(one)["annotations"][0].update(category_id=9),
                "has category_id 9, which the",
            ),
            (
                lambda one: one["dataset"].update(labelsets=[{"name": "mine"}]),
                "no labelset 'ground-truth'; there are",
            ),
            (lambda one: one["dataset"]["task_attributes"].pop("categories"), "names no categories"),
            (lambda one: one["dataset"].update(samples=[]), "no sample has a label"),
        ],
    )
    def test_what_is_wrong_is_said_with_the_file(self, change: Any, message: str, tmp_path: Path) -> None:
        settings = changed("segments", tmp_path, self.FILE, change)
        with pytest.raises(UserError, match=message):
            objects(settings, "street 1")
