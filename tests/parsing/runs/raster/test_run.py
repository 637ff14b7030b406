"""Rasters through `predict_rasters`: the labels, the grid that they lie on, the bands that count."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sceneparse.labels import LabelSpace
from sceneparse.parsing import Parser
from sceneparse.parsing.runs.raster import predict_rasters, split_rasters
from sceneparse.parsing.runs.raster import protocol as raster_protocol
from sceneparse.settings import DataSettings, LearntSizes, ProtocolSettings
from tests.parsing.conftest import SPACE

rasterio = pytest.importorskip("rasterio", reason="rasterio is not installed (extra geo)")

from tests.support.brightest import brightest_parser  # noqa: E402
from tests.support.raster_runs import Brightest, a_parser, run  # noqa: E402
from tests.support.rasters import TRANSFORM, read_raster, values, write_raster  # noqa: E402


def expected(parser: Parser, image: NDArray[np.uint8]) -> NDArray[Any]:
    """The ids of the labels of the whole picture under the parser's protocol."""
    return SPACE.encode(parser.parse(torch.from_numpy(image)).labels)


FORMS: dict[str, tuple[int, str, dict[str, Any]]] = {
    "1 band": (1, "uint8", {}),
    "2 bands, band by band": (2, "uint8", {"interleave": "band"}),
    "3 bands, deflate": (3, "uint8", {"compress": "deflate", "interleave": "pixel"}),
    "4 bands of 16 bits, pixel by pixel, LZW": (4, "uint16", {"compress": "lzw", "interleave": "pixel"}),
    "6 bands of 16 bits, band by band, BigTIFF": (6, "uint16", {"interleave": "band", "bigtiff": "YES"}),
    "strips": (4, "uint8", {"tiled": False, "blockysize": 8}),
}


@pytest.mark.parametrize("form", FORMS)
def test_labels_are_those_of_the_whole_picture_under_the_same_protocol(form: str, tmp_path: Path) -> None:
    bands, dtype, options = FORMS[form]
    pixels = values(bands, (150, 203), dtype)
    path = write_raster(tmp_path / "scene.tif", pixels, **options)
    parser = a_parser(bands)
    assert run(parser, path, tmp_path / "out").done == 1
    image = pixels if dtype == "uint8" else ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    labels = read_raster(tmp_path / "out" / "scene_labels.tif")
    assert len(np.unique(labels)) == 3 or bands < 3
    assert np.array_equal(labels, expected(parser, image))


@pytest.mark.parametrize(
    "protocol",
    [
        ProtocolSettings("window", window=(48, 40), blend="hann", stride=0.5),
        ProtocolSettings("window", window=(48, 40), flip=True, average="probabilities"),
        ProtocolSettings("window", window=(64, 256)),  # wider than the raster
        ProtocolSettings("whole"),
        ProtocolSettings("mmseg", scales=(0.5, 1.0), size=100, max_long=200),
    ],
    ids=["hann", "flip", "padded", "whole", "resized"],
)
def test_every_protocol_gives_a_small_raster_its_own_labels(protocol: ProtocolSettings, tmp_path: Path) -> None:
    pixels = values(3, (130, 203))
    path = write_raster(tmp_path / "scene.tif", pixels)
    parser = a_parser(protocol=protocol)
    run(parser, path, tmp_path / "out")
    assert np.array_equal(read_raster(tmp_path / "out" / "scene_labels.tif"), expected(parser, pixels))


def test_two_classes_are_decided_by_the_network_s_own_threshold(tmp_path: Path) -> None:
    class Two(Brightest):
        num_classes, threshold = 2, 0.8

        def __call__(self, images: torch.Tensor) -> torch.Tensor:
            return super().__call__(images)[:, :2]

    pixels = values(3, (130, 203))
    path = write_raster(tmp_path / "scene.tif", pixels)
    space = LabelSpace(("dry", "wet"))
    parser = brightest_parser(Two(), labels=space, protocol=ProtocolSettings("window", window=(48, 40)))
    run(parser, path, tmp_path / "out")
    own = parser.parse(torch.from_numpy(pixels)).labels
    assert np.array_equal(read_raster(tmp_path / "out" / "scene_labels.tif"), space.encode(own))
    at_a_half = brightest_parser(Two(), labels=space, protocol=ProtocolSettings("window", window=(48, 40)))
    at_a_half.engine.threshold = 0.5  # type: ignore[attr-defined]
    assert (at_a_half.parse(torch.from_numpy(pixels)).labels != own).any()


def test_left_and_right_are_swapped_in_the_mirror_images_of_a_raster_s_windows(tmp_path: Path) -> None:
    pixels = values(3, (130, 203))
    path = write_raster(tmp_path / "scene.tif", pixels)
    found = {}
    for name, order in (("paired", (0, 2, 1)), ("unpaired", ())):
        parser = a_parser(protocol=ProtocolSettings("window", window=(48, 40), flip=True))
        parser.engine.mirror_image = order  # type: ignore[attr-defined]
        run(parser, path, tmp_path / name)
        found[name] = read_raster(tmp_path / name / "scene_labels.tif")
        assert np.array_equal(found[name], expected(parser, pixels))
    assert not np.array_equal(found["paired"], found["unpaired"])


def test_a_raster_that_is_cut_into_columns_has_the_same_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sceneparse.parsing.runs.raster import job, labelling

    pixels = values(4, (150, 300))
    path = write_raster(tmp_path / "scene.tif", pixels)
    parser = a_parser(4, ProtocolSettings("window", window=(48, 40), blend="hann"))
    monkeypatch.setattr(job, "_CHUNK_BYTES", 4 * 256 * 100)  # 100 columns, so 96
    run(parser, path, tmp_path / "out")
    assert np.array_equal(read_raster(tmp_path / "out" / "scene_labels.tif"), expected(parser, pixels))
    # A window's scores are 3 × 6 × 5 numbers, and there is one for every 27 columns and 5 rows of windows.
    monkeypatch.setattr(job, "_SCORE_BYTES", 4 * 3 * 6 * 5 * 100 * 5 // 27)
    monkeypatch.setattr(job, "_CHUNK_BYTES", 1 << 30)
    widths: list[int] = []

    def noting(*arguments: Any) -> Any:
        widths.append(arguments[2][1] - arguments[2][0])
        return labelling.labelled(*arguments)

    monkeypatch.setattr(job, "labelled", noting)
    run(parser, path, tmp_path / "narrow")
    assert widths == [96, 96, 96, 12]
    assert np.array_equal(read_raster(tmp_path / "narrow" / "scene_labels.tif"), expected(parser, pixels))


def test_a_large_raster_gets_windows_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(raster_protocol, "WHOLE", 100 * 100)
    monkeypatch.setattr(raster_protocol, "WINDOW", 64)
    pixels = values(3, (150, 203))
    path = write_raster(tmp_path / "scene.tif", pixels)
    sources, _ = split_rasters([str(path)], tmp_path / "out")
    predict_rasters(a_parser(protocol=ProtocolSettings()), sources, tmp_path / "out")
    parser = a_parser(protocol=ProtocolSettings("window", window=(64, 64), stride=0.875, blend="hann"))
    assert np.array_equal(read_raster(tmp_path / "out" / "scene_labels.tif"), expected(parser, pixels))
    assert "windows 64x64 at stride 7/8 blended by Hann weights" in " ".join(capsys.readouterr().err.split())
    record = json.loads((tmp_path / "out" / "scene_raster.json").read_text())
    assert record["protocol"]["window"] == [64, 64] and record["protocol"]["blend"] == "hann"
    for changes, says in (({"resize": "long", "size": 80}, "resizes"), ({"scales": (0.5, 1.0)}, "at scales 0.5, 1")):
        (failure,) = run(
            a_parser(protocol=ProtocolSettings("whole", **changes)), path, tmp_path / "out", again=True
        ).failures
        assert re.search(f"scene.tif: 203×150 pixels .* {says}.*window=.512, 512", failure.reason)


def grid(path: Path) -> dict[str, Any]:
    with rasterio.open(path) as dataset:
        return {
            "size": dataset.shape,
            "crs": dataset.crs,
            "transform": tuple(dataset.transform),
            "gcps": [(p.row, p.col, p.x, p.y, p.z) for p in dataset.gcps[0]],
            "gcp_crs": dataset.gcps[1],
            "rpcs": dataset.rpcs and dataset.rpcs.to_gdal(),
            "point": dataset.tags().get("AREA_OR_POINT"),
            "blocks": dataset.block_shapes[0],
        }


def test_the_georeference_and_the_blocks_are_kept_bit_by_bit(tmp_path: Path) -> None:
    from rasterio.control import GroundControlPoint
    from rasterio.rpc import RPC

    points = [GroundControlPoint(r, c, 10.1 + c / 997, 50.3 - r / 991, 7.5) for r, c in ((0, 0), (0, 90), (60, 3))]
    up, below = [0.1] * 20, [1.0] + [0.0] * 19
    rpc = RPC(20.0, 500.0, 50.1, 0.7, up, below, 30.5, 35.0, 10.1, 0.6, up, below, 50.5, 50.0, 0.5, 0.25)
    north_up = rasterio.transform.from_origin(1 / 3, 77 / 7, 0.1, 0.1)
    pixels = values(3, (70, 100))
    for name, options in {
        "turned": {},
        "north up": {"transform": north_up, "crs": "EPSG:4326", "blockxsize": 64},
        "points": {"transform": None, "crs": "EPSG:4326", "gcps": points},
        "no projection": {"crs": None},
        "strips": {"tiled": False, "blockysize": 5},
        "rpc": {"crs": None, "transform": None, "rpcs": rpc},
    }.items():
        path = write_raster(tmp_path / name / "scene.tif", pixels, **options)
        run(a_parser(), path, tmp_path / name / "out")
        assert grid(tmp_path / name / "out" / "scene_labels.tif") == grid(path), name
    path = write_raster(tmp_path / "point.tif", pixels)
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(AREA_OR_POINT="Point")
    run(a_parser(), path, tmp_path / "out")
    assert grid(tmp_path / "out" / "point_labels.tif") == grid(path)


def test_colours_names_and_overviews_are_in_the_file(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "scene.tif", values(3, (300, 600)))
    run(a_parser(), path, tmp_path / "out")
    with rasterio.open(tmp_path / "out" / "scene_labels.tif") as dataset:
        assert dataset.colormap(1)[7] == (200, 10, 10, 255) and dataset.colormap(1)[30] == (10, 10, 200, 255)
        assert dataset.tags(1)["CLASS_0"] == "grass" and dataset.tags(1)["CLASS_7"] == "brick"
        assert (dataset.overviews(1), dataset.profile["compress"], dataset.nodata) == ([2, 4], "deflate", 255)
    record = json.loads((tmp_path / "out" / "scene_raster.json").read_text())
    assert (record["width"], record["height"], record["projection"]) == (600, 300, "EPSG:32633")
    assert record["transform"] == list(TRANSFORM)[:6]
    assert sum(one["pixels"] for one in record["classes"]) == 300 * 600
    first = record["classes"][0]
    assert first["square_metres"] == pytest.approx(first["pixels"] * 0.26) and 0 < first["confidence"] <= 1
    assert not list((tmp_path / "out").glob(".*"))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_where_there_is_no_data_there_are_no_labels(dtype: str, tmp_path: Path) -> None:
    pixels = values(3, (100, 120), dtype)
    nothing = np.nan if dtype == "float32" else 0
    pixels[:, 10:50, 20:70] = nothing
    pixels[0, 60:70] = nothing  # in one band alone: there are data in the others
    path = write_raster(tmp_path / "scene.tif", pixels, nodata=nothing)
    ranges = [(0.0, 1000.0)] if dtype == "float32" else []
    run(a_parser(), path, tmp_path / "out", ranges=ranges)
    labels = read_raster(tmp_path / "out" / "scene_labels.tif")
    empty = np.zeros((100, 120), bool)
    empty[10:50, 20:70] = True
    assert np.array_equal(labels == 255, empty)
    record = json.loads((tmp_path / "out" / "scene_raster.json").read_text())
    assert record["nodata_pixels"] == 2000 and sum(one["share"] for one in record["classes"]) == pytest.approx(1)


def test_a_mask_or_an_opacity_beside_the_bands_says_where_there_are_data(tmp_path: Path) -> None:
    from rasterio.enums import ColorInterp

    pixels = values(3, (64, 96))
    there = np.zeros((64, 96), np.uint8)
    there[:, 30:] = 255
    path = write_raster(tmp_path / "mask.tif", pixels)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as dataset:
        dataset.write_mask(there)
    alpha = write_raster(tmp_path / "alpha.tif", np.concatenate([pixels, there[None]]), photometric="RGB", alpha="YES")
    with rasterio.open(alpha) as dataset:
        assert dataset.colorinterp[3] == ColorInterp.alpha
    for one in (path, alpha):
        run(a_parser(), one, tmp_path / "out")
        labels = read_raster(tmp_path / "out" / f"{one.stem}_labels.tif")
        assert np.array_equal(labels == 255, there == 0)
    run(a_parser(4), alpha, tmp_path / "four")  # a model of four channels takes it as a band
    assert (read_raster(tmp_path / "four" / "alpha_labels.tif") != 255).all()


def test_the_value_without_data_is_the_label_spaces_own_or_the_rasters() -> None:
    from sceneparse.parsing.runs.raster.writing import LabelCode

    names = ("a", "b")
    assert LabelCode(LabelSpace(names, ignore=(9, 200)), 200).nodata == 200
    assert LabelCode(LabelSpace(names, ignore=(9,)), 200).nodata == 9
    assert LabelCode(LabelSpace(names, ids=(1, 2)), 0).nodata == 0
    below = LabelCode(LabelSpace(names, ignore=(-1, 9)), -1)  # what is written holds no value below zero
    assert below.nodata == 9 and below.dtype == np.uint8
    assert LabelCode(LabelSpace(names), 0).nodata == 255
    assert LabelCode(LabelSpace(names), float("nan")).nodata == 255
    wide = LabelCode(LabelSpace(names, ids=(1, 300)), None)
    assert wide.nodata == 65535 and wide.dtype == np.uint16


@pytest.mark.parametrize("form", ["grey", "grey and opacity", "palette"])
def test_grey_and_palettes_are_colours_for_a_model_of_three_channels(form: str, tmp_path: Path) -> None:
    numbers = values(1, (64, 96)) % 3 if form == "palette" else values(1, (64, 96))
    colors = np.array([[200, 10, 10], [10, 200, 10], [10, 10, 200]], np.uint8)
    if form == "grey and opacity":
        opaque = np.full((1, 64, 96), 255, np.uint8)
        path = write_raster(tmp_path / "scene.tif", np.concatenate([numbers, opaque]), alpha="YES")
    else:
        path = write_raster(
            tmp_path / "scene.tif", numbers, photometric="PALETTE" if form == "palette" else "MINISBLACK"
        )
    if form == "palette":
        with rasterio.open(path, "r+") as dataset:
            dataset.write_colormap(1, dict(enumerate(map(tuple, colors.tolist()))))
    image = colors[numbers[0]].transpose(2, 0, 1) if form == "palette" else numbers.repeat(3, axis=0)
    summary = run(a_parser(), path, tmp_path / "out")
    assert (summary.done, summary.failed) == (1, 0)
    assert np.array_equal(read_raster(tmp_path / "out" / "scene_labels.tif"), expected(a_parser(), image))
    assert json.loads((tmp_path / "out" / "scene_raster.json").read_text())["bands"] == [1]


def test_ranges_and_bands_of_the_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = (values(6, (80, 96), "uint16").astype(np.float64) / 20).astype(np.uint16)
    path = write_raster(tmp_path / "scene.tif", pixels)
    parser = a_parser()
    assert (
        run(parser, path, tmp_path / "out")
        .failures[0]
        .reason.endswith(
            "has 6 bands, but the model takes 3 channels: say which bands these are (bands=[1, 2, 3]; of a data set "
            "data={'options': {'bands': [1, 2, 3]}}), or train a network of all of them (backbone={'in_channels': 6})"
        )
    )
    run(parser, path, tmp_path / "out", bands=[5, 1, 3], ranges=[(100, 3000)])
    shares = (pixels[[4, 0, 2]].astype(np.float64) - 100) / 2900
    image = np.rint(255 * shares.clip(0, 1)).astype(np.uint8)
    assert np.array_equal(read_raster(tmp_path / "out" / "scene_labels.tif"), expected(parser, image))
    capsys.readouterr()
    sources, _ = split_rasters([str(path)], tmp_path / "out")
    predict_rasters(parser, sources, tmp_path / "out", bands=[1, 2, 3])
    said = " ".join(capsys.readouterr().err.split())
    assert f"values up to {pixels[:3].max():,} of 65,535, so the model saw it nearly black" in said


@pytest.mark.parametrize(
    "largest, nodata, ranges, said",
    [
        (3000, None, [], "values up to 3,000 of 65,535"),
        (3000, 65535, [], "values up to 3,000 of 65,535"),  # no data isn't bright
        (200, None, [(0, 10000)], "lowest eighth of the range 0 to 10000 "),
        (255, None, [(0, 100), (0, 10000), (0, 100)], None),
        (60000, None, [(0, 1)], "highest eighth of the range 0 to 1 "),
        (9000, None, [(0, 10000)], None),
        (60000, None, [], None),
    ],
)
def test_numbers_that_are_not_those_of_the_range_are_said(
    largest: int,
    nodata: int | None,
    ranges: list[tuple[float, float]],
    said: str | None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pixels = np.linspace(1, largest, 3 * 70 * 64).reshape(3, 70, 64).astype(np.uint16)
    if nodata is not None:
        pixels[:, :8] = nodata
    path = write_raster(tmp_path / "scene.tif", pixels, nodata=nodata)
    sources, _ = split_rasters([str(path)], tmp_path / "out")
    predict_rasters(a_parser(), sources, tmp_path / "out", ranges=ranges)
    shown = " ".join(capsys.readouterr().err.split())
    assert ("warning" not in shown) if said is None else (said in shown)


def test_a_model_of_pictures_sees_a_raster_as_in_training(tmp_path: Path) -> None:
    pixels = values(3, (40, 48), "uint16") // 4
    path = write_raster(tmp_path / "scene.tif", pixels, photometric="RGB")
    data = DataSettings("folder", range=((0, 5000), (0, 20000), (0, 20000)))
    parser = brightest_parser(Brightest(), labels=SPACE, data=data)
    run(parser, path, tmp_path / "out")
    record = json.loads((tmp_path / "out" / "scene_raster.json").read_text())
    assert record["ranges"] == [[0, 5000], [0, 20000], [0, 20000]]
    assert np.array_equal(read_raster(tmp_path / "out" / "scene_labels.tif"), SPACE.encode(parser(path).labels))
    run(parser, path, tmp_path / "out", ranges=[(0, 65535)])
    labels = read_raster(tmp_path / "out" / "scene_labels.tif")
    assert np.array_equal(labels, expected(parser, ((pixels.astype(int) + 128) // 257).astype(np.uint8)))


def test_a_small_raster_gets_the_protocol_at_its_own_size_and_nothing_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_raster(tmp_path / "scene.tif", values(3, (40, 48)))
    sources, _ = split_rasters([str(path)], tmp_path / "out")
    parser = brightest_parser(labels=SPACE, sizes=LearntSizes(16, 24, (12, 30)))
    assert parser.protocol.above == 24
    predict_rasters(parser, sources, tmp_path / "out")
    assert "too large" not in capsys.readouterr().err


def test_a_parser_gives_no_class_where_a_raster_has_no_data_as_the_run_does(tmp_path: Path) -> None:
    pixels = values(3, (40, 48))
    pixels[:, :9, :20] = 0
    path = write_raster(tmp_path / "scene.tif", pixels, nodata=0)
    parser = brightest_parser(Brightest(), labels=SPACE, data=DataSettings("geotiff"))
    run(parser, path, tmp_path / "out")
    for source in (path, path.read_bytes()):
        parse = parser(source)
        assert np.array_equal(parse.labels == -1, (pixels == 0).all(axis=0))
        assert np.array_equal(SPACE.encode(parse.labels), read_raster(tmp_path / "out" / "scene_labels.tif"))
        assert parse.to_json()["unlabelled"]["pixels"] == 9 * 20


def test_the_numbers_of_a_palette_are_another_parse_than_its_colours(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "scene.tif", values(1, (64, 96)) % 4, photometric=None)
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {number: (90 - 9 * number, 0, 60 * number, 255) for number in range(4)})
    parser = a_parser(1)
    for options in ({}, {"bands": [1]}, {}):
        assert run(parser, path, tmp_path / "out", **options).done == 1
        assert run(parser, path, tmp_path / "out", **options).skipped == 1
