"""How files hold pictures and masks, in data sets that are no folders of these; advice works when it is followed."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sceneparse.datasets.kinds import KINDS
from sceneparse.datasets.opening import open_dataset
from sceneparse.doctor import Finding, check
from sceneparse.errors import UserError
from sceneparse.settings import DataSettings
from sceneparse.settings.kinds import used_by

SHAPE = (6, 8)


def found(code: str, kind: str, root: Path, **settings: Any) -> Finding | None:
    diagnosis = check(DataSettings(kind, root=str(root), **settings), progress=False, workers=1)
    return next((finding for finding in diagnosis.findings if finding.code == code), None)


def png(pixels: Any, orientation: int = 1, palette: list[int] | None = None) -> bytes:
    image, held, exif = Image.fromarray(pixels), BytesIO(), Image.Exif()
    if palette is not None:
        image.putpalette(palette)
    if orientation > 1:
        exif[0x0112] = orientation
    image.save(held, "PNG", exif=exif)
    return held.getvalue()


def picture(seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (*SHAPE, 3), np.uint8)


def mask() -> Any:
    return np.random.default_rng(1).integers(0, 2, SHAPE).astype(np.uint8)


def hugging_face(root: Path, pictures: list[bytes], masks: list[bytes]) -> Path:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed (extra huggingface)")
    features = datasets.Features({name: datasets.Image() for name in ("image", "annotation")})
    columns = {"image": pictures, "annotation": masks}
    rows = {name: [{"bytes": one, "path": None} for one in column] for name, column in columns.items()}
    one = datasets.Dataset.from_dict(rows, features=features)
    datasets.DatasetDict({"train": one, "val": one, "test": one}).save_to_disk(root)
    (root / "classes.json").write_text(json.dumps({"names": ["dark", "bright"]}))
    return root


def test_numbers_that_use_little_of_their_range_are_found(tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 4096, SHAPE).astype(np.uint16)
    root = hugging_face(tmp_path / "set", [png(deep)], [png(mask())])
    finding = found("poor-range", "huggingface", root)
    assert finding is not None and "set data.range to the numbers that are black and white, such as [0, 4095]" in str(
        finding.message
    )
    assert found("poor-range", "huggingface", root, range=(0, 4095)) is None


def test_pictures_that_are_masks_are_found(tmp_path: Path) -> None:
    root = hugging_face(tmp_path / "set", [png(mask())], [png(mask())])
    finding = found("poor-range", "huggingface", root)
    assert finding is not None and "nearly black; are they masks" in finding.message


@pytest.mark.parametrize("orientation", [2, 3, 4])
def test_what_fits_turned_and_unturned_is_counted(orientation: int, tmp_path: Path) -> None:
    root = hugging_face(tmp_path / "set", [png(picture(), orientation), png(picture(1))], [png(mask())] * 2)
    finding = found("unclear-orientation", "huggingface", root)
    assert finding is not None and finding.count == 3 and "set data.orientation to ignore" in finding.message
    assert found("unclear-orientation", "huggingface", root, orientation="ignore") is None


def test_palettes_of_another_order_are_found(tmp_path: Path) -> None:
    red_blue, blue_red = [255, 0, 0, 0, 0, 255], [0, 0, 255, 255, 0, 0]
    masks = [png(mask(), palette=red_blue), png(mask(), palette=blue_red)]
    root = hugging_face(tmp_path / "set", [png(picture()), png(picture(1))], masks)
    finding = found("palette-order", "huggingface", root)
    assert finding is not None and finding.severity == "error" and "are no ids" in finding.message


def labelme(root: Path, orientation: int, size: tuple[int, int] = SHAPE) -> Path:
    root.mkdir()
    for number in range(5):
        (root / f"{number}.png").write_bytes(png(picture(number), orientation))
        shape = {"label": "a", "shape_type": "rectangle", "points": [[0, 0], [3, 3]], "flags": {}}
        said: dict[str, Any] = {"imagePath": f"{number}.png", "imageData": None, "shapes": [shape]}
        said |= {"imageHeight": size[0], "imageWidth": size[1]}
        (root / f"{number}.json").write_text(json.dumps(said))
    return root


def test_drawn_pictures_are_turned_or_not_by_the_setting(tmp_path: Path) -> None:
    root = labelme(tmp_path / "set", 3)
    finding = found("unclear-orientation", "labelme", root)
    assert finding is not None and finding.count == 5
    assert found("unclear-orientation", "labelme", root, orientation="ignore") is None
    stored = open_dataset(DataSettings("labelme", root=str(root), orientation="ignore"), "all")[2]
    assert np.array_equal(stored.image.permute(1, 2, 0), picture(2))
    upright = open_dataset(DataSettings("labelme", root=str(root)), "all")[2]
    assert np.array_equal(upright.image.permute(1, 2, 0), picture(2)[::-1, ::-1])


def test_what_was_drawn_on_stored_pixels_is_read_by_the_setting_that_is_advised(tmp_path: Path) -> None:
    root = labelme(tmp_path / "set", 6)
    with pytest.raises(UserError, match=r"set data\.orientation to ignore"):
        open_dataset(DataSettings("labelme", root=str(root)), "all")[0]
    assert found("turned", "labelme", root, orientation="ignore") is None
    root = labelme(tmp_path / "upright", 6, SHAPE[::-1])
    with pytest.raises(UserError, match=r"set data\.orientation to apply"):
        open_dataset(DataSettings("labelme", root=str(root), orientation="ignore"), "all")[0]


@pytest.mark.parametrize("kind", ["voc2012", "ade20k", "pascal_context", "cityscapes", "coco_stuff"])
def test_published_pictures_may_be_read_unturned_but_their_range_is_known(kind: str) -> None:
    assert DataSettings(kind, root="x", orientation="ignore").orientation == "ignore"
    with pytest.raises(UserError, match=r"data.range has no effect: .*; its pictures are published with 8 bits"):
        DataSettings(kind, root="x", range=(0, 4095))


@pytest.mark.parametrize(("kind", "place"), [("geotiff", "data.options.ranges"), ("nifti", "data.nifti.windows")])
def test_kinds_with_ranges_of_their_own_name_the_setting(kind: str, place: str) -> None:
    with pytest.raises(UserError, match=f"the values that become black and white are {place}"):
        DataSettings(kind, root="x", range=(0, 4095))


def test_every_kind_of_an_annotation_tool_reads_pictures_as_the_settings_say() -> None:
    undivided = [name for name, kind in KINDS.items() if kind.options is not None and kind.undivided]
    drawn = [name for name in undivided if name != "geotiff"]  # whose georeference says where pixels lie
    assert len(drawn) >= 7
    for name in drawn:
        assert {"orientation", "range"} <= set(used_by(name)), name
