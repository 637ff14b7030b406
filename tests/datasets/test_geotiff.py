"""Rasters as a data set: bands, tiles, masks, and the way from training to `predict`."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sceneparse import cli
from sceneparse.datasets.kinds import KINDS
from sceneparse.datasets.opening import open_dataset, open_for_training
from sceneparse.datasets.recognising import recognise, taken_for_folder
from sceneparse.doctor import check
from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace
from sceneparse.pictures.headers import Header
from sceneparse.pictures.rasters import BandForm
from sceneparse.pictures.rasters.whole import read_whole_raster
from sceneparse.pictures.reading import read_picture
from sceneparse.settings import DataSettings

pytest.importorskip("rasterio", reason="rasterio is not installed (extra geo)")

import rasterio
from rasterio.transform import Affine

from tests.support.brightest import brightest_parser
from tests.support.rasters import TRANSFORM, read_raster, values, write_raster
from tests.support.small import TINY


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four bands of 16 bits up to 10000; the brighter half of the second band is class 1."""
    folder = tmp_path / "fields"
    folder.mkdir()
    (folder / "classes.json").write_text(json.dumps({"names": ["bare", "crop"]}))
    for seed, split in enumerate(("train", "val", "test")):
        for number in range(2):
            pixels = (values(4, (70, 90), "uint16", seed=2 * seed + number) // 7).astype(np.uint16)
            mask = (pixels[1:2] > 4680).astype(np.uint8)
            pixels[:, :5] = 0
            mask[:, :, :3] = 99
            write_raster(folder / split / "images" / f"{number}.tif", pixels, nodata=0)
            write_raster(folder / split / "masks" / f"{number}.tif", mask, nodata=99)
    return folder


def opened(root: Path, channels: int = 4, **options: Any) -> Any:
    return open_dataset(DataSettings(kind="geotiff", root=str(root), options=options), "train", channels=channels)


def test_bands_ranges_and_what_has_no_data(root: Path) -> None:
    dataset = opened(root, 2, bands=[3, 1], ranges=[[0, 10000]])
    sample = dataset[1]
    pixels = np.stack([read_band(root / "train" / "images" / "1.tif", band) for band in (3, 1)])
    assert np.array_equal(sample.image.numpy(), np.rint(255 * (pixels / 10000).clip(0, 1)))
    assert (len(dataset), dataset.name(1), sample.size) == (2, "1", (70, 90))
    assert (sample.objects[:5] == -1).all() and (sample.objects[:, :3] == -1).all()
    assert set(np.unique(sample.objects[5:, 3:])) == {0, 1}


def read_band(path: Path, band: int) -> Any:
    import rasterio

    with rasterio.open(path) as dataset:
        return dataset.read(band)


def test_tiles_are_the_raster_cut_up(root: Path) -> None:
    whole, tiles = opened(root)[0], opened(root, tile=32)
    assert len(tiles) == 2 * 3 * 3 and tiles.name(4) == "0/00023-00030"
    assert max(max(tiles[index].size) for index in range(9)) <= 32
    again = np.block([[tiles[3 * row + column].objects.numpy() for column in range(3)] for row in range(3)])
    assert np.array_equal(again, whole.objects)
    middle = tiles[4].image
    assert np.array_equal(middle, whole.image[:, 23 : 23 + middle.shape[1], 30 : 30 + middle.shape[2]])


def test_masks_may_be_pictures(root: Path) -> None:
    before = opened(root)[0].objects
    mask = read_raster(root / "train" / "masks" / "0.tif")
    (root / "train" / "masks" / "0.tif").unlink()
    (root / "classes.json").write_text(json.dumps({"names": ["bare", "crop"], "ignore": 99}))
    Image.fromarray(mask).save(root / "train" / "masks" / "0.png")
    assert np.array_equal(opened(root)[0].objects, before)


@pytest.mark.parametrize(
    ("channels", "options", "says"),
    [
        (
            3,
            {"bands": [1, 2]},
            r"data.options.bands names 2 bands, but the network takes 3 .*backbone={'in_channels': 2}",
        ),
        (3, {}, r"0.tif: has 4 bands, but the model takes 3 channels: .*data={'options': {'bands'"),
        (2, {"bands": [1, 7]}, r"0.tif: has 4 bands, so there is no band 7"),
        (4, {"tile": -1}, "tile is -1"),
        (4, {"bands": [1, 2, 3, 4], "ranges": [[0, 1], [0, 1]]}, "2 ranges for 4 bands"),
        (1, {"bands": [1], "ranges": [[0, 1], [0, 2]]}, "2 ranges for 1 band:"),
        (3, {"bands": [2]}, r"data.options.bands names 1 band, but the network takes 3 channels"),
        (4, {"bnads": [1]}, "unknown setting 'bnads'; did you mean 'bands'"),
    ],
)
def test_options_that_do_not_fit_are_refused(channels: int, options: dict[str, Any], says: str, root: Path) -> None:
    with pytest.raises(UserError, match=says):
        opened(root, channels, **options)


def test_a_mask_of_another_size_or_with_unknown_values_is_named(root: Path) -> None:
    write_raster(root / "train" / "masks" / "0.tif", np.full((1, 70, 90), 5, np.uint8))
    with pytest.raises(UserError, match=r"masks/0.tif: value 5 at 6,300 pixels"):
        opened(root)[0]
    write_raster(root / "train" / "masks" / "0.tif", np.zeros((1, 60, 90), np.uint8))
    with pytest.raises(UserError, match=r"masks/0.tif: .*its raster .*90×70"):
        opened(root)[0]


def test_the_number_of_channels_is_that_of_the_bands() -> None:
    settings = DataSettings(kind="geotiff", root="x", options={"bands": [1, 2, 3, 4, 5]})
    assert KINDS["geotiff"].channels(settings) == 5
    assert KINDS["geotiff"].channels(DataSettings(kind="geotiff", root="x")) == 3


def test_check_train_and_predict_see_the_same_bands(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--data.options={bands: [4, 2, 1, 3], ranges: [[0, 10000]], tile: 48}"]
    assert cli.main(["data", "check", str(root), "--kind", "geotiff", *options]) == 0
    said = capsys.readouterr().out
    assert "ready to train on" in said and "copies" not in said
    words = [
        *TINY,
        "--backbone.weights=null",
        "--data.kind=geotiff",
        f"--data.root={root}",
        "--backbone.in_channels=4",
        "--preprocessing.mean=[0.4]",
    ]
    words += ["--preprocessing.std=[0.3]", f"--out={tmp_path / 'run'}", *options]
    assert cli.main(["train", "pspnet-resnet50", *words]) == 0
    scene = root / "test" / "images" / "0.tif"
    command = [
        "predict",
        str(tmp_path / "run" / "model"),
        str(scene),
        "--out",
        str(tmp_path / "out"),
        "--engine",
        "torch",
    ]
    assert cli.main([*command, "--window", "48", "48"]) == 0
    record = json.loads((tmp_path / "out" / "0_raster.json").read_text())
    assert (record["bands"], record["ranges"]) == ([4, 2, 1, 3], [[0.0, 10000.0]])
    assert set(np.unique(read_raster(tmp_path / "out" / "0_labels.tif")[:5])) == {255}
    assert cli.main([*command, "--bands", "1", "2"]) == 1
    assert "2 bands chosen, but the model takes 4 channels" in " ".join(capsys.readouterr().err.split())


def shifted(columns: float) -> Affine:
    """`TRANSFORM` moved along the rows."""
    a, b, c, d, e, f = TRANSFORM[:6]
    return Affine(a, b, c + a * columns, d, e, f + d * columns)


def test_masks_that_lie_elsewhere_are_refused_and_counted(root: Path) -> None:
    mask = read_raster(root / "train" / "masks" / "0.tif")[None]
    path = root / "train" / "masks" / "0.tif"
    # Programs round: a hundredth of a pixel is nothing; so is a mask that says nothing of where it lies.
    for transform in (shifted(0.01), None):
        write_raster(path, mask, nodata=99, transform=transform)
        assert opened(root)[0].size == (70, 90)
    write_raster(path, mask, nodata=99, crs=None, transform=TRANSFORM)
    assert opened(root)[0].size == (70, 90)
    for columns, said in ((1, "1 pixel"), (3, "3 pixels")):
        write_raster(path, mask, nodata=99, transform=shifted(columns))
        with pytest.raises(UserError, match=rf"masks/0.tif: lies {said} apart from .*images/0.tif; warp the mask"):
            opened(root)[0]
    write_raster(path, mask, nodata=99, crs="EPSG:32634")
    with pytest.raises(UserError, match=r"is in the projection EPSG:32634, not in EPSG:32633, as is .*images/0.tif"):
        opened(root)[0]
    found = check(DataSettings(kind="geotiff", root=str(root)), progress=False, channels=4)
    assert [one.code for one in found.findings if one.severity == "error"] == ["georeference"]


def test_a_masks_value_for_no_data_that_is_a_class_is_said(root: Path) -> None:
    for number in range(2):
        mask = read_raster(root / "val" / "masks" / f"{number}.tif")[None] % 2
        write_raster(root / "val" / "masks" / f"{number}.tif", mask, nodata=0)
    found = check(DataSettings(kind="geotiff", root=str(root)), progress=False, channels=4)
    (one,) = [one for one in found.findings if one.code == "nodata-class"]
    assert one.message.startswith("2 masks (0.tif, 1.tif) whose value for no data, 0, is the id of 'bare'") and found.ok


def test_rasters_that_are_read_nearly_black_are_found(root: Path) -> None:
    for path in root.glob("*/images/*.tif"):
        with rasterio.open(path) as dataset:
            pixels = dataset.read()
        write_raster(path, (pixels // 3).astype(np.uint16), nodata=0)
    settings = DataSettings(kind="geotiff", root=str(root))
    (one,) = [one for one in check(settings, progress=False, channels=4).findings if one.code == "poor-range"]
    assert "set data.options.ranges" in one.message and one.message.endswith(
        "such as [[0, 15]] of values of 8 bits, [[0, 4095]] of 16"
    )
    settings = DataSettings(kind="geotiff", root=str(root), options={"ranges": [[0, 60000]]})
    (one,) = [one for one in check(settings, progress=False, channels=4).findings if one.code == "poor-range"]
    assert one.message.endswith("such as [[0, 3177]]")
    settings = DataSettings(kind="geotiff", root=str(root), options={"ranges": [[0, 4095]]})
    assert "poor-range" not in {one.code for one in check(settings, progress=False, channels=4).findings}


def test_a_folder_of_rasters_is_recognised(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert recognise(root).kind == "geotiff"
    for path in root.glob("*/images/*.tif"):
        write_raster(path, values(3, (70, 90)), photometric="RGB")
    assert recognise(root).kind == "geotiff"
    # What any program reads as a picture needs no rasterio.
    monkeypatch.setattr("sceneparse.datasets.geotiff.find_spec", lambda _name: None)
    assert recognise(root).kind == "folder"
    Image.new("RGB", (90, 70)).save(root / "train" / "images" / "0.tif")
    monkeypatch.undo()
    assert recognise(root).kind == "folder"


def test_rasters_without_splits_are_parted_by_their_tiles(root: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    for kind in ("images", "masks"):
        (whole / kind).mkdir(parents=True)
        (root / "train" / kind / "0.tif").rename(whole / kind / "0.tif")
    (root / "classes.json").rename(whole / "classes.json")
    settings = DataSettings("geotiff", root=str(whole), options={"tile": 20})
    training, validation = open_for_training(settings, channels=4)
    names = [split.name(index) for split in (training, validation) for index in range(len(split))]
    assert len(names) == len(set(names)) == 20 and 0 < len(validation) < len(training)
    diagnosis = check(settings, channels=4, progress=False, workers=1)
    assert diagnosis.ok
    (note,) = [finding.message for finding in diagnosis.findings if finding.code == "parted"]
    assert "neighbouring tiles of one raster look alike" in note and "label another raster" in note


def in_one_folder(root: Path) -> DataSettings:
    """The six rasters without folders of splits, as the kind geotiff reads them in one band."""
    for split in ("train", "val", "test"):
        for what in ("images", "masks"):
            (root / what).mkdir(exist_ok=True)
            for file in (root / split / what).iterdir():
                file.rename(root / what / f"{split}_{file.name}")
    options = {"bands": [1, 2, 3], "ranges": [[0, 10000]]}
    return DataSettings(kind="geotiff", root=str(root), options=options)


def test_lists_beside_rasters_part_them(root: Path) -> None:
    settings = in_one_folder(root)
    (root / "train.txt").write_text("val_0.tif\ntest_1\nimages/train_0.tif\n")
    (root / "val.txt").write_text("val_1\n")
    train, val = open_for_training(settings)
    assert [train.name(index) for index in range(3)] == ["test_1", "train_0", "val_0"] and len(train) == 3
    assert [val.name(index) for index in range(len(val))] == ["val_1"]
    (finding,) = [one for one in check(settings, progress=False).findings if one.code == "lists"]
    assert "left out, since no list names them: 2 pictures" in finding.message
    (root / "val.txt").write_text("val_7\n")
    with pytest.raises(UserError, match=r"val\.txt:1: lists 'val_7', but there is no such picture"):
        open_for_training(settings)


def test_a_list_of_rasters_to_train_on_alone_names_what_parts_it(root: Path) -> None:
    settings = in_one_folder(root)
    (root / "train.txt").write_text("val_0\nval_1\ntest_0\n")
    with pytest.raises(UserError, match="no split 'val'; there are: train; part it: ") as raised:
        open_for_training(settings)
    advice = re.search(r"data={'train': '(.*?)', 'val': '(.*?)'}", str(raised.value))
    assert advice is not None
    followed = replace(settings, train=advice[1], val=advice[2])
    assert [len(split) for split in open_for_training(followed)] == [2, 1]


def test_lists_that_name_no_raster_are_said_not_to_be_read(root: Path) -> None:
    settings = in_one_folder(root)
    (root / "train.txt").write_text("ghost\n")
    assert sum(map(len, open_for_training(settings))) == 6
    assert "lists-unread" in {one.code for one in check(settings, progress=False).findings}


def test_one_raster_that_is_not_cut_cannot_be_parted_and_the_message_names_what_cuts_it(
    root: Path, tmp_path: Path
) -> None:
    one = tmp_path / "one"
    for folder in ("images", "masks"):
        (one / folder).mkdir(parents=True)
        file = next((root / "train" / folder).iterdir())
        file.rename(one / folder / f"a{file.suffix}")
    (root / "classes.json").rename(one / "classes.json")
    with pytest.raises(UserError, match=r"cannot be parted .*into tiles by data={'options': {'tile': 512}}"):
        open_dataset(DataSettings("geotiff", root=str(one)), "train", channels=4)


def test_masks_in_colours_stay_with_the_kind_that_reads_them(root: Path) -> None:
    colors = {"names": ["bare", "crop"], "masks": "rgb", "colors": [[0, 0, 0], [1, 1, 1]]}
    (root / "classes.json").write_text(json.dumps(colors))
    assert recognise(root).kind == "folder"


def test_what_kind_rasters_are_trained_as_is_said(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["data", "check", str(root), "--data.options={bands: [1], ranges: [[0, 10000]]}"])
    assert (
        "kind: geotiff (" in (said := capsys.readouterr().err)
        and "to train on it: --data.kind geotiff --data.opt" in said
    )
    words = [*TINY, "--backbone.weights=null", f"--data.root={root}", f"--out={tmp_path / 'run'}"]
    assert cli.main(["train", "pspnet-resnet50", *words]) == 2  # four bands are no picture of three channels
    assert "images/0.tif is a raster (GeoTIFF), read as a picture (kind folder)" in capsys.readouterr().err
    assert taken_for_folder(DataSettings("geotiff", root=str(root))) == ""


def test_a_parser_reads_rasters_as_they_were_trained_on(root: Path) -> None:
    options = {"bands": [3, 1], "ranges": [[0, 10000]]}
    wanted = opened(root, 2, **options)[1].image
    settings = DataSettings(kind="geotiff", root=str(root), options=options)
    parser = brightest_parser(labels=LabelSpace(("a", "b", "c")), channels=2, data=settings)
    path = root / "train" / "images" / "1.tif"
    for source in (path, str(path), path.read_bytes()):
        assert np.array_equal(parser.read(source), wanted)
    (remark,) = parser.with_ranges([(0, 1e7)]).open(path).remarks
    assert "lowest eighth of the range 0 to 1e+07" in remark.text and "(with_ranges([(LOW, HIGH)]))" in remark.text
    with pytest.raises(UserError, match=r"picture of 20 bytes"):
        parser.read(path.read_bytes()[:20])


def test_a_raster_that_is_too_large_to_be_one_picture_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = root / "train" / "images" / "1.tif"
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3000)
    with pytest.raises(UserError, match=r"1.tif: 90×70 pixels, but no more than 6,000.*sceneparse predict MODEL FILE"):
        read_whole_raster(path, 4, BandForm())
    with pytest.raises(UserError, match=r"picture of .* bytes: 90×70 pixels"):
        read_whole_raster(path.read_bytes(), 4, BandForm())
    with pytest.raises(UserError, match=r"more than 6,000 pixels.*let `sceneparse predict` parse it by windows"):
        read_picture(path, 4)


def test_a_raster_of_another_size_than_its_headers_is_refused(root: Path) -> None:
    path = root / "train" / "images" / "1.tif"
    assert read_whole_raster(path, 4, BandForm(), Header("TIFF", (90, 70))).image.shape == (4, 70, 90)
    with pytest.raises(UserError, match=r"TIFF of 90×7 pixels by its header, but decoded it would be TIFF of 90×70"):
        read_whole_raster(path.read_bytes(), 4, BandForm(), Header("TIFF", (7, 90)))


def test_workers_take_no_rasters(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = root / "test" / "images"
    assert cli.main(["predict", "x", str(scene), "--out", str(tmp_path / "out"), "--runner", "ray"]) == 2
    assert "rasters (GeoTIFF) are among the inputs" in " ".join(capsys.readouterr().err.split())


def test_bands_that_are_stored_as_blue_green_red_are_read_as_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "classes.json").write_text(json.dumps({"names": ["bare", "crop"]}))
    pixels = values(4, (20, 30))
    for split in ("train", "val"):
        path = write_raster(tmp_path / split / "images" / "0.tif", pixels)
        with rasterio.open(path, "r+") as dataset:
            names = ("blue", "green", "red", "undefined")
            dataset.colorinterp = [rasterio.enums.ColorInterp[name] for name in names]
        write_raster(tmp_path / split / "masks" / "0.tif", (pixels[1:2] > 128).astype(np.uint8))
    assert np.array_equal(opened(tmp_path, 4)[0].image, pixels[[2, 1, 0, 3]])
    assert np.array_equal(opened(tmp_path, 3)[0].image, pixels[[2, 1, 0]])
    assert np.array_equal(opened(tmp_path, 3, bands=[1, 2, 3])[0].image, pixels[:3])
    found = check(DataSettings(kind="geotiff", root=str(tmp_path)), progress=False, workers=1).findings
    (note,) = [finding for finding in found if finding.code == "band-order"]
    assert note.severity == "note" and "3, 2, 1 are the channels, red, green and blue first" in note.message
    each = [[0, 255], [0, 510], [0, 51], [0, 102]]
    assert np.array_equal(opened(tmp_path, 4, ranges=each)[0].image[1], np.rint(pixels[1] / 2))


@pytest.mark.parametrize("value", [-1, -9999])
def test_negative_values_are_refused_with_advice_that_works(value: int, root: Path) -> None:
    path = root / "train" / "masks" / "0.tif"
    mask = read_raster(path)[None].astype(np.int16)
    before = opened(root)[0].objects
    mask[mask == 99] = value
    write_raster(path, mask)
    with pytest.raises(UserError, match=rf"value {value} at .*gdal_edit.py -a_nodata {value} MASK"):
        opened(root)[0]
    with rasterio.open(path, "r+") as dataset:
        dataset.nodata = value
    assert np.array_equal(opened(root)[0].objects, before)


def test_a_raster_that_is_to_be_turned_is_refused(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / "train" / folder).mkdir(parents=True)
    (tmp_path / "classes.json").write_text(json.dumps({"names": ["dark", "bright"]}))
    pixels = values(3, (40, 48)).transpose(1, 2, 0)
    Image.fromarray(pixels).save(tmp_path / "train" / "images" / "a.tif", tiffinfo={274: 3})
    Image.fromarray(np.zeros((40, 48), np.uint8)).save(tmp_path / "train" / "masks" / "a.tif")
    with pytest.raises(UserError, match=r"a.tif: its orientation \(3\) .*data={'kind': 'folder'}"):
        opened(tmp_path, 3)[0]
