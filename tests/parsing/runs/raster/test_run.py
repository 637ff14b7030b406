"""Rasters through `predict_rasters`: the labels, the grid that they lie on, and what goes wrong."""

import json
import re
import resource
import sqlite3
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace
from sceneparse.parsing import Parser
from sceneparse.parsing.runs.raster import labelling, predict_rasters, split_rasters
from sceneparse.parsing.runs.raster import protocol as raster_protocol
from sceneparse.parsing.runs.tally import Summary
from sceneparse.settings import ProtocolSettings
from tests.parsing.conftest import SPACE
from tests.support.brightest import BrightestChannel, brightest_parser

rasterio = pytest.importorskip("rasterio", reason="rasterio is not installed (extra geo)")

from tests.support.rasters import TRANSFORM, read_raster, values, write_raster  # noqa: E402

WINDOWS = ProtocolSettings("window", window=(48, 40))


class Brightest(BrightestChannel):
    """Of any number of channels the first three count, each at an eighth of its size: windows' borders show."""

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        scores = torch.nn.functional.avg_pool2d(images.float(), 8, ceil_mode=True) / 32
        mean = scores.mean(dim=(-2, -1), keepdim=True)  # what a window sees depends on all of it
        scores = scores + 0.3 * mean
        return scores[:, :3] if scores.shape[1] >= 3 else scores[:, :1] * torch.tensor([1.0, 2.0, -1.0])[:, None, None]


def a_parser(channels: int = 3, protocol: ProtocolSettings = WINDOWS, labels: LabelSpace = SPACE) -> Parser:
    return brightest_parser(Brightest(), labels=labels, channels=channels, protocol=protocol)


def run(parser: Parser, path: Path, out: Path, **options: Any) -> Summary:
    sources, rest = split_rasters([str(path)], out)
    assert not rest
    return predict_rasters(parser, sources, out, progress=False, **options)


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


def test_a_raster_that_is_cut_into_columns_has_the_same_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sceneparse.parsing.runs.raster import job

    pixels = values(4, (150, 300))
    path = write_raster(tmp_path / "scene.tif", pixels)
    parser = a_parser(4, ProtocolSettings("window", window=(48, 40), blend="hann"))
    monkeypatch.setattr(job, "_CHUNK_BYTES", 4 * 256 * 100)  # 100 columns, so 96
    run(parser, path, tmp_path / "out")
    assert np.array_equal(read_raster(tmp_path / "out" / "scene_labels.tif"), expected(parser, pixels))


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
        with pytest.raises(UserError, match=f"scene.tif: 203×150 pixels .* {says}.*--window 512 512"):
            run(a_parser(protocol=ProtocolSettings("whole", **changes)), path, tmp_path / "out", again=True)


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
            "has 6 bands, but the model takes 3 channels: say which bands these are (--bands 1 2 3; of a data set "
            "--data.options.bands [1,2,3]), or train a network of all of them (--backbone.in_channels 6)"
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


def test_polygons_cover_the_labels_in_the_rasters_projection(tmp_path: Path) -> None:
    from rasterio.features import rasterize

    pixels = values(3, (64, 96))
    pixels[:, :20, :20] = 0
    path = write_raster(tmp_path / "scene.tif", pixels, nodata=0)
    run(a_parser(), path, tmp_path / "out", write=["labels", "polygons", "geopackage"])
    labels = read_raster(tmp_path / "out" / "scene_labels.tif")
    found = json.loads((tmp_path / "out" / "scene_polygons.geojson").read_text())
    assert found["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::32633"
    shapes = [(one["geometry"], one["properties"]["id"]) for one in found["features"]]
    assert np.array_equal(rasterize(shapes, labels.shape, fill=255, transform=TRANSFORM), labels)
    assert {one["properties"]["name"] for one in found["features"]} <= {"brick", "grass", "water"}
    with sqlite3.connect(tmp_path / "out" / "scene_polygons.gpkg") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("SELECT srs_id FROM gpkg_geometry_columns").fetchone() == (32633,)
        rows = database.execute("SELECT geom, id FROM regions ORDER BY fid").fetchall()
    again = [({"type": "Polygon", "coordinates": rings_of(content)}, number) for content, number in rows]
    assert np.array_equal(rasterize(again, labels.shape, fill=255, transform=TRANSFORM), labels)


def rings_of(content: bytes) -> list[list[tuple[float, float]]]:
    """The rings of a polygon in a GeoPackage's binary form."""
    assert content[:4] == b"GP\0\x03" and struct.unpack_from("<i", content, 4) == (32633,)
    _, kind, count = struct.unpack_from("<BII", content, 40)
    assert kind == 3
    rings, offset = [], 49
    for _ in range(count):
        (points,) = struct.unpack_from("<I", content, offset)
        flat = struct.unpack_from(f"<{2 * points}d", content, offset + 4)
        rings.append(list(zip(flat[::2], flat[1::2], strict=True)))
        offset += 4 + 16 * points
    return rings


def test_polygons_need_the_labels(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "scene.tif", values(3, (64, 96)))
    with pytest.raises(UserError, match="add labels"):
        run(a_parser(), path, tmp_path / "out", write=["polygons"])


def test_a_second_run_goes_on_and_another_protocol_starts_again(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "scene.tif", values(3, (64, 96)))
    out = tmp_path / "out"
    assert run(a_parser(), path, out).done == 1
    assert run(a_parser(), path, out).skipped == 1
    assert run(a_parser(protocol=ProtocolSettings("window", window=(48, 40), blend="hann")), path, out).done == 1
    assert run(a_parser(), path, out, bands=[3, 2, 1]).done == 1
    (out / "scene_labels.tif").unlink()
    assert run(a_parser(), path, out, bands=[3, 2, 1]).done == 1


def test_a_damaged_block_is_named_and_nothing_is_left_half_written(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "scene.tif", values(3, (160, 160)), compress="deflate", interleave="pixel")
    with rasterio.open(path) as dataset:
        offset = int(dataset.get_tag_item("BLOCK_OFFSET_2_3", "TIFF", bidx=1))
    content = bytearray(path.read_bytes())
    content[offset : offset + 24] = b"\xff" * 24
    path.write_bytes(content)
    good = write_raster(tmp_path / "good.tif", values(3, (64, 64)))
    sources, _ = split_rasters([str(path), str(good)], tmp_path / "out")
    summary = predict_rasters(a_parser(), sources, tmp_path / "out", progress=False)
    assert (summary.done, summary.failed) == (1, 1)
    assert "the block of 32×32 pixels at column 64, row 96 cannot be read" in summary.failures[0].reason
    names = sorted(one.name for one in (tmp_path / "out").iterdir())
    assert names == ["good_labels.tif", "good_raster.json", "rasters-summary.json"]


def test_bad_rasters_get_one_line_each(tmp_path: Path) -> None:
    cut = write_raster(tmp_path / "cut.tif", values(3, (96, 96)))
    cut.write_bytes(cut.read_bytes()[:-9000])
    for path, options, says in (
        (cut, {}, "cut.tif: .*cannot be read"),
        (write_raster(tmp_path / "two.tif", values(2, (40, 40))), {}, "has 2 bands, but the model takes 3 channels"),
        (
            write_raster(tmp_path / "float.tif", values(3, (40, 40), "float32")),
            {},
            r"float32 have no range.*--range LOW",
        ),
        (write_raster(tmp_path / "signed.tif", values(3, (40, 40), "int16")), {}, "int16 have no range of their own"),
        (write_raster(tmp_path / "three.tif", values(3, (40, 40))), {"bands": [1, 2, 4]}, "so there is no band 4"),
        (write_raster(tmp_path / "count.tif", values(3, (40, 40))), {"bands": [1, 2]}, "2 bands chosen, but .* name 3"),
    ):
        (failure,) = run(a_parser(), path, tmp_path / "out", **options).failures
        assert re.search(says, failure.reason), failure.reason
    with pytest.raises(UserError, match="the range 5 to 5 is none"):
        run(a_parser(), tmp_path / "float.tif", tmp_path / "out", ranges=[(5, 5)])


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "scene.tif", np.random.default_rng(0).integers(0, 256, (3, 256, 256), np.uint8))
    out = tmp_path / "out"
    out.mkdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, before[1]))
    try:
        with pytest.raises(UserError, match=r"cannot be written .*free space"):
            run(brightest_parser(labels=SPACE, protocol=WINDOWS), path, out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(out.iterdir())


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_raster(tmp_path / "scene.tif", values(3, (300, 96)))

    def interrupted(*_: object) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(labelling, "winners", interrupted)
    threads = torch.get_num_threads()
    with pytest.raises(KeyboardInterrupt):
        run(a_parser(), path, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir()) and torch.get_num_threads() == threads


def test_a_raster_is_not_overwritten_by_its_labels(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "scene_labels.tif", values(3, (64, 64)))
    (tmp_path / "x").symlink_to(path)
    sources, _ = split_rasters([str(path)], tmp_path / "elsewhere")
    with pytest.raises(UserError, match="overwrite"):
        predict_rasters(a_parser(), [sources[0]._replace(name="scene")], tmp_path, progress=False)


MEMORY = """
import resource, sys, torch
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from sceneparse.labels import LabelSpace
from sceneparse.parsing.runs.raster import predict_rasters, split_rasters
from sceneparse.settings import ProtocolSettings
from tests.support.brightest import BrightestChannel, brightest_parser

class Engine(BrightestChannel):
    def __call__(self, images):
        return images[:, :3, ::8, ::8].float()

torch.set_num_threads(1)
parser = brightest_parser(
    Engine(), labels=LabelSpace(("a", "b", "c")), channels=4, protocol=ProtocolSettings("window", window=(128, 128))
)
sources, _ = split_rasters([sys.argv[1]], Path(sys.argv[1]).parent / "out")
assert predict_rasters(parser, sources, Path(sys.argv[1]).parent / "out", progress=False).done == 1
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of the peak is another one")
def test_a_taller_raster_takes_no_more_memory(tmp_path: Path) -> None:
    def peak(height: int) -> int:
        path = tmp_path / f"{height}.tif"
        pixels = np.broadcast_to(np.uint16(300), (4, height, 1024))
        write_raster(path, pixels, blockxsize=256, blockysize=256, compress="deflate")
        here = str(Path(__file__).resolve().parents[4])
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, str(path), here], capture_output=True, text=True, check=True
        )
        return 1024 * int(done.stdout)

    grown = peak(6144) - peak(1024)
    # The pixels in between would take 40 MiB as they are stored, 20 MiB as bytes, their labels and confidence 30 MiB.
    assert grown <= 16 * 2**20
