"""Outlines that cannot be meant as they stand: said with their counts, or refused, whichever tool wrote them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sceneparse.datasets.annotations.outlines import has_area
from sceneparse.datasets.opening import open_dataset
from sceneparse.doctor import check
from sceneparse.doctor.findings import Finding
from sceneparse.errors import UserError
from sceneparse.settings import DataSettings

pytest.importorskip("pycocotools", reason="pycocotools is not installed")

WIDTH, HEIGHT = 60, 40
Corners = list[list[float]]
SQUARE: Corners = [[6, 4], [30, 4], [30, 20], [6, 20]]
SHARES: Corners = [[x / WIDTH, y / HEIGHT] for x, y in SQUARE]
BESIDE: Corners = [[x + WIDTH, y] for x, y in SQUARE]


def picture(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for name, grey in (("a", 90), ("b", 200)):
        Image.new("RGB", (WIDTH, HEIGHT), (grey, 20, 90)).save(root / f"{name}.png")


def coco(root: Path, drawn: list[Corners], sized: bool = True) -> None:
    picture(root)
    size = {"width": WIDTH, "height": HEIGHT} if sized else {}
    rows = [
        {"id": number, "image_id": 1, "category_id": 1, "segmentation": [[value for corner in one for value in corner]]}
        for number, one in enumerate(drawn)
    ]
    whole = {
        "images": [{"id": 1, "file_name": "a.png", **size}, {"id": 2, "file_name": "b.png", **size}],
        "annotations": rows,
        "categories": [{"id": 1, "name": "car"}],
    }
    (root / "result.json").write_text(json.dumps(whole))


def coco_unsized(root: Path, drawn: list[Corners]) -> None:
    coco(root, drawn, sized=False)


def datumaro(root: Path, drawn: list[Corners]) -> None:
    picture(root / "images" / "default")
    rows = [
        {"id": number, "type": "polygon", "label_id": 0, "points": [value for corner in one for value in corner]}
        for number, one in enumerate(drawn)
    ]
    items = [{"id": name, "annotations": rows, "image": {"path": f"{name}.png"}} for name in "ab"]
    (root / "annotations").mkdir()
    whole = {"info": {}, "categories": {"label": {"labels": [{"name": "car"}]}}, "items": items}
    (root / "annotations" / "default.json").write_text(json.dumps(whole))


def labelme(root: Path, drawn: list[Corners]) -> None:
    picture(root)
    shapes = [{"label": "car", "points": one, "shape_type": "polygon"} for one in drawn]
    for name in "ab":
        whole = {"shapes": shapes, "imagePath": f"{name}.png", "imageHeight": HEIGHT, "imageWidth": WIDTH}
        (root / f"{name}.json").write_text(json.dumps(whole))


def label_studio(root: Path, drawn: list[Corners], unit: float = 100) -> None:
    picture(root)
    percent = [one if one == SHARES else [[x / WIDTH * unit, y / HEIGHT * unit] for x, y in one] for one in drawn]
    size = {"original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}
    results = [
        {"id": "r", "to_name": "image", "value": {"points": one, "polygonlabels": ["car"]}, **size} for one in percent
    ]
    tasks = [
        {"id": number, "data": {"image": f"{name}.png"}, "annotations": [{"id": 1, "result": results}]}
        for number, name in enumerate("ab")
    ]
    (root / "export.json").write_text(json.dumps(tasks))


def darwin(root: Path, drawn: list[Corners]) -> None:
    picture(root)
    rows = [
        {"id": f"i{number}", "name": "car", "polygon": {"paths": [[{"x": x, "y": y} for x, y in one]]}}
        for number, one in enumerate(drawn)
    ]
    for name in "ab":
        slots = [{"type": "image", "width": WIDTH, "height": HEIGHT}]
        item = {"name": f"{name}.png", "path": "/", "slots": slots}
        (root / f"{name}.json").write_text(json.dumps({"version": "2.0", "item": item, "annotations": rows}))


def supervisely(root: Path, drawn: list[Corners]) -> None:
    picture(root / "all" / "img")
    (root / "all" / "ann").mkdir()
    meta = {"classes": [{"title": "car", "shape": "polygon", "color": "#FF0000"}], "tags": []}
    (root / "meta.json").write_text(json.dumps(meta))
    objects = [
        {"classTitle": "car", "geometryType": "polygon", "points": {"exterior": one, "interior": []}} for one in drawn
    ]
    for name in "ab":
        whole = {"size": {"height": HEIGHT, "width": WIDTH}, "objects": objects}
        (root / "all" / "ann" / f"{name}.png.json").write_text(json.dumps(whole))


def segments(root: Path, drawn: list[Corners]) -> None:
    picture(root)
    rows = [{"id": n + 1, "category_id": 1, "type": "polygon", "points": one} for n, one in enumerate(drawn)]
    samples = [
        {
            "name": f"{name}.png",
            "attributes": {"image": {"url": f"https://host/{name}.png"}},
            "labels": {"ground-truth": {"attributes": {"annotations": rows}}},
        }
        for name in "ab"
    ]
    dataset = {
        "task_type": "segmentation-bitmap",
        "task_attributes": {"categories": [{"id": 1, "name": "car"}]},
        "labelsets": [{"name": "ground-truth"}],
        "samples": samples,
    }
    (root / "v1.json").write_text(json.dumps({"name": "v1", "dataset": dataset}))


WRITERS: dict[str, tuple[str, Callable[[Path, list[Corners]], None]]] = {
    "COCO": ("coco", coco),
    "COCO without sizes": ("coco", coco_unsized),
    "Datumaro": ("datumaro", datumaro),
    "labelme": ("labelme", labelme),
    "Label Studio": ("label_studio", label_studio),
    "Darwin": ("darwin", darwin),
    "Supervisely": ("supervisely", supervisely),
    "Segments.ai": ("segments", segments),
}


def settings_of(tool: str, root: Path, drawn: list[Corners]) -> DataSettings:
    kind, write = WRITERS[tool]
    write(root, drawn)
    return DataSettings(kind, root=str(root))


def found(settings: DataSettings, code: str) -> list[Finding]:
    return [finding for finding in check(settings, progress=False).findings if finding.code == code]


@pytest.mark.parametrize("tool", WRITERS)
def test_coordinates_that_are_shares_of_the_picture_are_refused(tool: str, tmp_path: Path) -> None:
    settings = settings_of(tool, tmp_path, [SHARES, SHARES])
    with pytest.raises(UserError, match=r"no outline has a coordinate beyond 1, such as .*seem to be shares"):
        open_dataset(settings, "all")


@pytest.mark.parametrize("tool", WRITERS)
def test_outlines_for_a_picture_of_another_size_are_an_error_with_their_count(tool: str, tmp_path: Path) -> None:
    settings = settings_of(tool, tmp_path, [SQUARE, BESIDE])
    findings = found(settings, "outside")
    # Datumaro's pictures are parted into two splits, of one picture each; COCO's outlines are all on one picture.
    total = 2 if tool.startswith(("COCO", "Datumaro")) else 4
    assert len(findings) == (2 if tool == "Datumaro" else 1)
    assert all(one.severity == "error" for one in findings)
    assert all(f"{total // 2} of {total} outlines lie outside" in one.message for one in findings)


@pytest.mark.parametrize("tool", WRITERS)
def test_what_reaches_a_little_over_the_border_is_as_it_should_be(tool: str, tmp_path: Path) -> None:
    over = [[-1.5, -1.5], [WIDTH + 1.5, -1.5], [WIDTH + 1.5, HEIGHT + 1.5], [-1.5, HEIGHT + 1.5]]
    settings = settings_of(tool, tmp_path, [over, SQUARE])
    assert not any(found(settings, code) for code in ("outside", "no-area", "shares"))


def test_few_outlines_outside_are_a_warning(tmp_path: Path) -> None:
    (finding,) = found(settings_of("COCO", tmp_path, [SQUARE] * 10 + [BESIDE]), "outside")
    assert finding.severity == "warning" and "1 of 11 outlines" in finding.message


def test_shares_among_pixels_are_counted(tmp_path: Path) -> None:
    (finding,) = found(settings_of("COCO", tmp_path, [SQUARE, SHARES]), "shares")
    assert finding.severity == "warning" and "1 of 2 outlines lie within the first pixel" in finding.message


@pytest.mark.parametrize("tool", ["COCO", "Datumaro"])
def test_polygons_without_area_draw_nothing_and_are_counted_once(tool: str, tmp_path: Path) -> None:
    flat: list[Corners] = [[[5, 5], [9, 9]], [[5, 30]], [[5, 30], [15, 30], [9, 30]], [[9, 9], [3, 3], [6, 6], [9, 9]]]
    settings = settings_of(tool, tmp_path, [SQUARE, *flat])
    objects = open_dataset(settings, "all")[0].objects
    assert objects is not None
    truth = np.zeros((HEIGHT, WIDTH), int)
    truth[4:20, 6:30] = 1
    assert np.array_equal(objects.numpy(), truth)
    findings = found(settings, "no-area")
    assert len(findings) == (1 if tool == "COCO" else 2), "Datumaro's two pictures are a split each"
    for finding, name in zip(sorted(findings, key=lambda one: one.message), "ab", strict=False):
        assert finding.severity == "warning" and "4 outlines without area" in finding.message
        assert f" 1 of picture '{name}'" in finding.message


def test_masks_without_a_pixel_and_empty_lists_of_polygons_are_counted(tmp_path: Path) -> None:
    coco(tmp_path, [SQUARE])
    whole: dict[str, Any] = json.loads((tmp_path / "result.json").read_text())
    empty = [{"size": [HEIGHT, WIDTH], "counts": [HEIGHT * WIDTH]}, [[]]]
    whole["annotations"] += [
        {"id": 90 + n, "image_id": 1, "category_id": 1, "segmentation": one} for n, one in enumerate(empty)
    ]
    (tmp_path / "result.json").write_text(json.dumps(whole))
    (finding,) = found(DataSettings("coco", root=str(tmp_path)), "no-area")
    assert "2 outlines without area" in finding.message and "annotation 90 of picture 'a'" in finding.message


@pytest.mark.parametrize(
    ("corners", "area"),
    [
        ([], False),
        ([(0, 0), (1, 1)], False),
        ([(0, 0), (0, 0), (5, 5), (9, 9)], False),
        ([(0, 0), (4, 0), (4, 4)], True),
        ([(0, 0), (4, 4), (4, 0), (0, 4)], True),  # a bow tie, whose signed area is 0
    ],
)
def test_what_has_area(corners: list[tuple[float, float]], area: bool) -> None:
    assert has_area(corners) is area
