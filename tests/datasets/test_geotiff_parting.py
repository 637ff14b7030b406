"""Rasters without splits: which go to which side, whole or cut into tiles."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sceneparse.datasets.opening import open_for_training
from sceneparse.doctor import check
from sceneparse.settings import DataSettings

pytest.importorskip("rasterio", reason="rasterio is not installed (extra geo)")

from tests.support.rasters import values, write_raster

COUNT = 6


def sides(settings: DataSettings) -> list[list[str]]:
    """The names of the samples that are trained on, and of those that are validated on."""
    return [[side.name(index) for index in range(len(side))] for side in open_for_training(settings)]


def test_tiles_of_several_rasters_stay_with_their_raster(tmp_path: Path) -> None:
    (tmp_path / "classes.json").write_text(json.dumps({"names": ["bare", "crop"]}))
    for number in range(COUNT):
        pixels = values(3, (32, 48), seed=number)
        write_raster(tmp_path / "images" / f"field_{number}.tif", pixels)
        write_raster(tmp_path / "masks" / f"field_{number}.tif", (pixels[:1] > 99).astype(np.uint8))
    whole = DataSettings("geotiff", root=str(tmp_path))
    uncut, cut = sides(whole), replace(whole, options={"tile": 16})

    def rasters(settings: DataSettings) -> list[list[str]]:
        found = sides(settings)
        assert sum(map(len, found)) == COUNT * 6
        return [sorted({name.rpartition("/")[0] for name in names}) for names in found]

    assert rasters(cut) == [sorted(names) for names in uncut] and min(map(len, uncut)) > 0
    (note,) = [one.message for one in check(cut, progress=False, workers=1).findings if one.code == "parted"]
    assert "one in five, by its name, is held out as val with all of its tiles" in note
    advised = re.search(r"data=\{'train': '(.*)', 'val': '(.*)'\}", note)
    assert advised is not None
    train, val = rasters(replace(cut, train=advised[1], val=advised[2]))
    assert len(val) == 1 and not set(train) & set(val)
