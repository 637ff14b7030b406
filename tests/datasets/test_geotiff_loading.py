"""Rasters in loader processes, which are forked from a process that has read some."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sceneparse.data.batch import Batch
from sceneparse.data.loader import training_batches
from sceneparse.datasets.opening import open_dataset
from sceneparse.pictures.rasters import BandForm, Raster
from sceneparse.settings import AugmentationSettings, DataSettings, PreprocessingSettings

pytest.importorskip("rasterio", reason="rasterio is not installed (extra geo)")

from tests.support.rasters import values, write_raster


def tiled(root: Path) -> Any:
    """A data set of rasters of several blocks, with masks as PNG."""
    for number in range(4):
        pixels = values(3, (64, 64), seed=number)
        write_raster(root / "train" / "images" / f"{number}.tif", pixels, photometric="RGB", compress="deflate")
        (root / "train" / "masks").mkdir(exist_ok=True)
        Image.fromarray((pixels[0] > 127).astype(np.uint8)).save(root / "train" / "masks" / f"{number}.png")
    (root / "classes.json").write_text(json.dumps({"names": ["dark", "bright"]}))
    return open_dataset(DataSettings(kind="geotiff", root=str(root)), "train", channels=3)


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Fail what takes longer."""

    def give_up(*_: object) -> None:
        raise TimeoutError(f"still waiting after {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_loader_processes_read_rasters_of_several_blocks_after_their_parent_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GDAL_NUM_THREADS", "ALL_CPUS")
    dataset = tiled(tmp_path)
    assert dataset[0].size == (64, 64)
    # As after a raster was parsed in this process, whose threads GDAL keeps.
    with Raster(tmp_path / "train" / "images" / "0.tif", 3, BandForm(), parallel=True) as raster:
        raster.read((0, 64), (0, 64))
    with at_most(90):
        found = list(
            training_batches(
                dataset,
                AugmentationSettings(crop=(32, 32)),
                PreprocessingSettings(),
                batch=2,
                seed=0,
                start=0,
                stop=2,
                workers=1,
                cache_mb=0,
            )
        )
    assert [batch.images.shape for batch in found if isinstance(batch, Batch)] == [(2, 3, 32, 32)] * 2
