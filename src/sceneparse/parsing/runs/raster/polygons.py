"""Regions of a raster of labels as polygons in its own projection: GeoJSON and GeoPackage."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from sceneparse.files import json_of, whole_file
from sceneparse.labels import LabelSpace
from sceneparse.parsing.runs.raster.geopackage import GeoPackage

Ring = list[tuple[float, float]]

_PIXELS = (
    'LOCAL_CS["columns and rows of the raster",LOCAL_DATUM["unknown",0],UNIT["pixel",1],'
    'AXIS["column",EAST],AXIS["row",SOUTH]]'
)
_UNKNOWN = 'LOCAL_CS["the raster\'s own, which it does not name"]'
"""What is named as the projection where there is none: GDAL and QGIS take numbers without any to be degrees."""


class Region(NamedTuple):
    """Neighbouring pixels of one class.

    Args:
        id: The class's value.
        name: Its name.
        rings: The outline and the outlines of its holes, along the pixels' edges, each closed; in the raster's
            projection, or in columns and rows where it has no transform.
    """

    id: int
    name: str
    rings: list[Ring]


def regions(labels: Path, space: LabelSpace) -> Iterator[Region]:
    """Yield the regions of a raster of labels; pixels belong together that share an edge.

    The raster is read a few rows at a time, but all regions are in memory together.

    Args:
        labels: The raster, as `label_raster` writes it.
        space: The classes.
    """
    import rasterio
    from rasterio.features import shapes

    names = dict(zip(space.ids, space.names, strict=True))
    with rasterio.open(labels) as dataset:
        for geometry, value in shapes(rasterio.band(dataset, 1), connectivity=4, transform=dataset.transform):
            if int(value) in names:
                rings = [[(float(x), float(y)) for x, y in ring] for ring in geometry["coordinates"]]
                yield Region(int(value), names[int(value)], rings)


def write_geojson(path: Path, labels: Path, space: LabelSpace) -> None:
    """Write the regions as a GeoJSON file, whole or not at all.

    Coordinates are those of the raster's projection, which the member "crs" names as in GeoJSON of 2008; GDAL and QGIS
    read it. RFC 7946 knows longitude and latitude alone. A projection without a code is named by its WKT, which these
    read too, and so is a local system where the raster has none; "coordinates" says then whether these are pixels.

    Args:
        path: The file.
        labels: The raster of labels.
        space: The classes.
    """
    head = json_of({"type": "FeatureCollection", "name": labels.stem, **_reference(labels)})
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(f'{head[:-1]}, "features": [')
        for number, region in enumerate(regions(labels, space)):
            feature = {
                "type": "Feature",
                "properties": {"id": region.id, "name": region.name},
                "geometry": {"type": "Polygon", "coordinates": region.rings},
            }
            file.write(f"{',' * (number > 0)}\n{json_of(feature)}")
        file.write("\n]}\n")


def _reference(labels: Path) -> dict[str, Any]:
    """What the file says of its coordinates."""
    import rasterio

    with rasterio.open(labels) as dataset:
        crs, pixels = dataset.crs, dataset.transform.is_identity
    if pixels:
        return {"coordinates": "columns and rows of the raster", **_named(_PIXELS)}
    if crs is None:
        return {"coordinates": "those of the raster, whose projection is not known", **_named(_UNKNOWN)}
    authority = crs.to_authority()
    return _named(crs.to_wkt() if authority is None else f"urn:ogc:def:crs:{authority[0]}::{authority[1]}")


def _named(system: str) -> dict[str, Any]:
    """GeoJSON's member for a system of coordinates."""
    return {"crs": {"type": "name", "properties": {"name": system}}}


def coordinates_line(dataset: Any) -> str | None:
    """Return why a raster's polygons do not lie on the ground; None where they do.

    Args:
        dataset: rasterio's dataset of the raster.
    """
    points, _ = dataset.gcps
    if not points and not dataset.transform.is_identity:
        if dataset.crs:
            return None
        return "it names no projection, nor do its polygons; name it first (gdal_edit.py -a_srs EPSG:CODE IN)"
    why, warp = "it has no georeference", ""
    if points:
        why, warp = "ground control points alone say where it lies", "gdalwarp"
    elif dataset.rpcs is not None:
        why, warp = "RPC coefficients alone say where it lies", "gdalwarp -rpc"
    line = f"its polygons are in columns and rows, since {why}"
    return f"{line}; to have them on the ground, warp it first ({warp} IN OUT.tif)" if warp else line


def write_geopackage(path: Path, labels: Path, space: LabelSpace) -> None:
    """Write the regions as a GeoPackage, whole or not at all, in the raster's projection, whatever that is.

    Args:
        path: The file.
        labels: The raster of labels.
        space: The classes.
    """
    import rasterio

    with rasterio.open(labels) as dataset:
        crs, pixels = dataset.crs, dataset.transform.is_identity
    try:
        with whole_file(path) as temporary, GeoPackage(temporary, None if pixels else crs) as package:
            for region in regions(labels, space):
                package.add(region.id, region.name, region.rings)
    except sqlite3.Error as error:
        raise OSError(str(error)) from None


WRITERS = {"polygons": write_geojson, "geopackage": write_geopackage}
"""The artefacts that are polygons, and what writes each."""
