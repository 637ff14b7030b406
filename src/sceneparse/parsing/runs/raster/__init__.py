"""Rasters, such as GeoTIFFs of any size: a raster of labels on the same grid, and polygons of its regions."""

from sceneparse.parsing.runs.raster.run import predict_rasters
from sceneparse.parsing.runs.raster.sources import RasterSource, split_rasters

__all__ = ["RasterSource", "predict_rasters", "split_rasters"]
