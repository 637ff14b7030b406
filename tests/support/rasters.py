"""Small rasters of many forms."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.transform import Affine

TRANSFORM = Affine(0.5, 0.1, 512_345.678, 0.1, -0.5, 5_123_456.789)
"""Half a metre a pixel, turned."""


def values(bands: int, size: tuple[int, int], dtype: str = "uint8", seed: int = 0) -> NDArray[Any]:
    """Patches of 8×8 pixels, each of its own value in every band; whole numbers above zero."""
    height, width = size
    most = {"uint8": 255, "uint16": 65535, "int16": 30000, "float32": 1000}[dtype]
    patches = np.random.default_rng(seed).integers(1, most, (bands, -(-height // 8), -(-width // 8)))
    return patches.repeat(8, axis=1).repeat(8, axis=2)[:, :height, :width].astype(dtype)


def write_raster(path: Path, pixels: NDArray[Any], **options: Any) -> Path:
    """Write bands as a GeoTIFF: tiles of 32×32 pixels, UTM, `TRANSFORM`, unless the options say otherwise."""
    import rasterio

    path.parent.mkdir(parents=True, exist_ok=True)
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "count": pixels.shape[0],
        "height": pixels.shape[1],
        "width": pixels.shape[2],
        "dtype": pixels.dtype.name,
        "tiled": True,
        "blockxsize": 32,
        "blockysize": 32,
        "crs": "EPSG:32633",
        "transform": TRANSFORM,
        "photometric": "MINISBLACK",
    }
    profile |= options
    if not profile["tiled"]:
        profile.pop("blockxsize")
    with rasterio.open(path, "w", **{key: value for key, value in profile.items() if value is not None}) as dataset:
        dataset.write(pixels)
    return path


def read_raster(path: Path) -> NDArray[Any]:
    """The first band."""
    import rasterio

    with rasterio.open(path) as dataset:
        band: NDArray[Any] = dataset.read(1)
    return band
