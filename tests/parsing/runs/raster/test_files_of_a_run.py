"""What a run over rasters leaves on disk: polygons, a second run, and what goes wrong."""

import json
import re
import resource
import sqlite3
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sceneparse.errors import UserError
from sceneparse.parsing.runs.raster import RasterSource, labelling, predict_rasters, split_rasters
from sceneparse.settings import ProtocolSettings
from tests.parsing.conftest import SPACE
from tests.support.brightest import BrightestChannel, brightest_parser
from tests.support.forked import started

rasterio = pytest.importorskip("rasterio", reason="rasterio is not installed (extra geo)")

from tests.support.raster_runs import WINDOWS, a_parser, run  # noqa: E402
from tests.support.rasters import TRANSFORM, read_raster, values, write_raster  # noqa: E402


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


CUSTOM = "+proj=tmerc +lat_0=12 +lon_0=13 +k=1 +x_0=5 +y_0=7 +ellps=bessel +units=m"
POINTS = [(0, 0, 9.0, 47.0), (0, 96, 9.1, 47.0), (64, 0, 9.0, 46.9), (64, 96, 9.1, 46.9)]


@pytest.mark.parametrize(
    ("options", "system", "says"),
    [
        ({}, "EPSG:32633", None),
        ({"crs": CUSTOM}, CUSTOM, None),
        ({"crs": None}, "LOCAL_CS", r"names no projection, nor do its polygons.*gdal_edit.py -a_srs"),
        ({"crs": None, "transform": None}, "LOCAL_CS", "columns and rows, since it has no georeference"),
        ({"gcps": POINTS, "crs": "EPSG:4326", "transform": None}, "LOCAL_CS", r"control points alone .*\(gdalwarp IN"),
    ],
)
def test_no_polygons_are_taken_for_degrees(
    options: dict[str, Any], system: str, says: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from rasterio.control import GroundControlPoint
    from rasterio.crs import CRS

    if "gcps" in options:
        options = options | {"gcps": [GroundControlPoint(*point) for point in options["gcps"]]}
    path = write_raster(tmp_path / "scene.tif", values(3, (64, 96)), photometric="RGB", **options)
    sources = [RasterSource(path, "scene")]
    predict_rasters(a_parser(), sources, tmp_path / "out", write=["labels", "polygons"])
    said = " ".join(capsys.readouterr().err.split())
    assert "its polygons" not in said if says is None else re.search(f"scene.tif: it.*{says}", said)
    name = json.loads((tmp_path / "out" / "scene_polygons.geojson").read_text())["crs"]["properties"]["name"]
    found = CRS.from_user_input(name)
    assert found.to_wkt().startswith(system) if system == "LOCAL_CS" else found == CRS.from_user_input(system)
    predict_rasters(a_parser(), sources, tmp_path / "out", write=["labels"])
    assert "its polygons" not in capsys.readouterr().err


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
            r"float32 have no range.*ranges",
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
    before = path.read_bytes()
    summary = predict_rasters(a_parser(), [sources[0]._replace(name="scene")], tmp_path, progress=False)
    assert f"its parse would overwrite the raster {path}" in summary.failures[0].reason
    assert path.read_bytes() == before


def test_a_folder_of_rasters_alone_is_skipped_by_the_second_run(tmp_path: Path) -> None:
    write_raster(tmp_path / "scenes" / "scene.tif", values(3, (64, 64)))
    out = tmp_path / "scenes" / "parsed"
    for _ in range(2):
        sources, rest = split_rasters([str(tmp_path / "scenes")], out)
        assert [source.name for source in sources] == ["scene"] and rest == []
        summary = predict_rasters(a_parser(), sources, out, progress=False)
    assert summary.skipped == 1
    assert split_rasters([str(out)], out) == ([], [str(out)])


def test_scores_that_are_not_finite_cost_their_raster_and_leave_no_labels(tmp_path: Path) -> None:
    class Damaged(BrightestChannel):
        def __call__(self, images: torch.Tensor) -> torch.Tensor:
            scores = super().__call__(images)
            scores[:, 1, scores.shape[-2] // 2] = torch.nan
            return scores

    path = write_raster(tmp_path / "scene.tif", values(3, (64, 64)))
    for protocol in (WINDOWS, ProtocolSettings()):
        parser = brightest_parser(Damaged(), labels=SPACE, protocol=protocol)
        assert "are not finite in float32" in run(parser, path, tmp_path / "out").failures[0].reason
        assert [one.name for one in (tmp_path / "out").iterdir()] == ["rasters-summary.json"]


def test_a_raster_that_the_protocol_cannot_parse_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sceneparse.parsing.runs.raster.protocol.WHOLE", 60 * 60)
    for name, side in (("large", 80), ("small", 40)):
        write_raster(tmp_path / f"{name}.tif", values(3, (side, side)))
    sources, _ = split_rasters([str(tmp_path / "*.tif")], tmp_path / "out")
    parser = a_parser(protocol=ProtocolSettings("whole", resize="long", size=80))
    summary = predict_rasters(parser, sources, tmp_path / "out", progress=False)
    assert summary.done == 1 and "large.tif: 80×80 pixels are parsed in windows" in summary.failures[0].reason


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
        said = tmp_path / f"{height}.out"
        process = started(tmp_path / "memory.py", [str(path), str(Path(__file__).resolve().parents[4])], said, {})
        process.join(timeout=120)
        assert process.exitcode == 0, said.with_suffix(".err").read_text()
        return 1024 * int(said.read_text())

    (tmp_path / "memory.py").write_text(MEMORY)
    grown = peak(6144) - peak(1024)
    # The pixels in between would take 40 MiB as they are stored, 20 MiB as bytes, their labels and confidence 30 MiB.
    assert grown <= 16 * 2**20
