"""Confidence maps in 8 and 16 bits, and GeoJSON that is filled to the label map again."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse.labels import LabelSpace
from sceneparse.parsing import Parser, predict_pictures
from sceneparse.parsing.parse import Parse
from tests.support.outlines import filled


@pytest.fixture
def noisy(parser: Parser) -> Parse:
    """A parse with regions of all forms, and pixels of no class."""
    parse = parser(np.random.default_rng(0).integers(0, 255, (23, 31, 3), dtype=np.uint8))
    space = LabelSpace(("Straße", "東京", "вода"), ids=(7, 0, 300), colors=((9, 8, 7), (6, 5, 4), (3, 2, 1)))
    return Parse(parse.image, parse.labels, parse.confidence, space, "m", parse.protocol).ignoring_below(0.5)


def test_grey_is_the_probability_in_8_and_16_bits(noisy: Parse, tmp_path: Path) -> None:
    noisy.save(tmp_path, "a", write=["confidence", "confidence16"])
    for name, white, mode in (("a_confidence.png", 255, "L"), ("a_confidence16.png", 65535, "I;16")):
        with Image.open(tmp_path / name) as image:
            assert image.mode == mode
            found = np.array(image)
        np.testing.assert_array_equal(found, np.rint(noisy.confidence.astype(np.float64) * white))


def test_geojson_filled_is_the_label_map_with_its_classes(noisy: Parse, tmp_path: Path) -> None:
    noisy.save(tmp_path, "a", write=["geojson"])
    said = json.loads((tmp_path / "a.geojson").read_text(encoding="utf-8"))
    assert said["type"] == "FeatureCollection" and said["units"].startswith("pixels; x to the right, y downwards")
    assert (said["height"], said["width"]) == noisy.size and "coordinates" not in said
    found = np.full(noisy.size, -1)
    for feature, entry in zip(said["features"], noisy.legend, strict=True):
        facts, geometry = feature["properties"], feature["geometry"]
        assert feature["type"] == "Feature" and geometry["type"] == "MultiPolygon"
        assert (facts["name"], facts["id"], facts["pixels"]) == (entry.name, entry.id, entry.pixels)
        assert facts["color"] == list(entry.color) and facts["confidence"] == round(entry.confidence, 4)
        for polygon in geometry["coordinates"]:
            mask = np.zeros(noisy.size, bool)
            for number, ring in enumerate(polygon):
                assert ring[0] == ring[-1] and len(ring) >= 5
                x, y = np.array(ring).T
                area = (x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2
                assert area > 0 if number == 0 else area < 0  # RFC 7946, section 3.1.6
                mask ^= filled(ring[:-1], noisy.size)
            found[mask] = noisy.space.ids.index(facts["id"])
    np.testing.assert_array_equal(found, noisy.labels)


def test_they_are_written_on_request_alone(parser: Parser, pictures: Path, tmp_path: Path) -> None:
    predict_pictures(parser, [pictures / "a.png"], tmp_path / "usual", progress=False)
    assert not list((tmp_path / "usual").glob("*confidence*")) and not list((tmp_path / "usual").glob("*.geojson"))
    predict_pictures(parser, [pictures / "a.png"], tmp_path / "out", progress=False, write=["confidence", "geojson"])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "a.json",
        "a_confidence.png",
        "a.geojson",
        "summary.json",
    }
