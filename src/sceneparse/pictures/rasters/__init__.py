"""Rasters: GeoTIFFs of any size and number of bands, read by windows. They need rasterio."""

from sceneparse.pictures.rasters.bands import BandForm
from sceneparse.pictures.rasters.header import is_raster
from sceneparse.pictures.rasters.raster import Raster, installed

__all__ = ["BandForm", "Raster", "installed", "is_raster"]
