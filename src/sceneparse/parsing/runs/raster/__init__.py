"""Rasters, such as GeoTIFFs of any size: a raster of labels on the same grid, and polygons of its regions."""

from typing import TYPE_CHECKING, Any

from sceneparse.parsing.runs.raster.sources import RasterSource, split_rasters

if TYPE_CHECKING:
    from sceneparse.parsing.runs.raster.run import predict_rasters, rasters_done

__all__ = ["RasterSource", "predict_rasters", "rasters_done", "split_rasters"]


def __getattr__(name: str) -> Any:
    # Imported when first used: telling which inputs are rasters must not wait for torch.
    if name not in ("predict_rasters", "rasters_done"):
        raise AttributeError(f"module 'sceneparse.parsing.runs.raster' has no attribute '{name}'")
    from sceneparse.parsing.runs.raster import run

    return getattr(run, name)
