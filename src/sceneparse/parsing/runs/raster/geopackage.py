"""Polygons in a GeoPackage (OGC 12-128r18), which is an SQLite database: no further library is needed."""

import sqlite3
import struct
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any

_TABLES = """
PRAGMA application_id = 1196444487;
PRAGMA user_version = 10300;
CREATE TABLE gpkg_spatial_ref_sys (
  srs_name TEXT NOT NULL, srs_id INTEGER PRIMARY KEY, organization TEXT NOT NULL,
  organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
CREATE TABLE gpkg_contents (
  table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE, description TEXT DEFAULT '',
  last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')), min_x DOUBLE, min_y DOUBLE,
  max_x DOUBLE, max_y DOUBLE, srs_id INTEGER REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE gpkg_geometry_columns (
  table_name TEXT NOT NULL PRIMARY KEY REFERENCES gpkg_contents(table_name), column_name TEXT NOT NULL,
  geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL REFERENCES gpkg_spatial_ref_sys(srs_id),
  z TINYINT NOT NULL, m TINYINT NOT NULL);
CREATE TABLE regions (
  fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, geom POLYGON, id INTEGER NOT NULL, name TEXT NOT NULL);
INSERT INTO gpkg_spatial_ref_sys VALUES ('Undefined Cartesian', -1, 'NONE', -1, 'undefined', NULL);
INSERT INTO gpkg_spatial_ref_sys VALUES ('Undefined geographic', 0, 'NONE', 0, 'undefined', NULL);
"""
_WGS84 = (
    'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],'
    'AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,'
    'AUTHORITY["EPSG","9122"]],AXIS["Latitude",NORTH],AXIS["Longitude",EAST],AUTHORITY["EPSG","4326"]]'
)
_OWN = 100000
"""The number of a projection without an EPSG code, beyond EPSG's."""


class GeoPackage:
    """A new GeoPackage with one layer of polygons, "regions", with the fields id and name; a context manager.

    Args:
        path: The file; an empty one is replaced.
        crs: rasterio's CRS; None for coordinates of no known meaning.
    """

    def __init__(self, path: Path, crs: Any) -> None:
        path.unlink(missing_ok=True)
        self._path, self._crs = path, crs
        self._box: list[float] | None = None

    def __enter__(self) -> "GeoPackage":
        self._database = sqlite3.connect(self._path, isolation_level=None)
        self._database.executescript(_TABLES)
        self._database.execute("PRAGMA journal_mode = OFF")  # the file is whole or thrown away
        self._database.execute("BEGIN")
        self._system = self._add_systems()
        return self

    def _add_systems(self) -> int:
        """Name the coordinate systems, and return the number of the layer's."""
        insert = "INSERT INTO gpkg_spatial_ref_sys VALUES (?, ?, ?, ?, ?, NULL)"
        self._database.execute(insert, ("WGS 84 geodetic", 4326, "EPSG", 4326, _WGS84))
        if self._crs is None:
            return -1
        authority = self._crs.to_authority()
        if authority is None:
            self._database.execute(insert, ("the raster's own", _OWN, "NONE", _OWN, self._crs.to_wkt()))
            return _OWN
        number = int(authority[1]) if authority[1].isdigit() else _OWN
        if number != 4326:
            name = f"{authority[0]}:{authority[1]}"
            self._database.execute(insert, (name, number, authority[0], number, self._crs.to_wkt()))
        return number

    def add(self, number: int, name: str, rings: Sequence[Sequence[tuple[float, float]]]) -> None:
        """Add a polygon.

        Args:
            number: Its class's value.
            name: Its class's name.
            rings: The outline and the holes, closed.
        """
        xs, ys = ([point[axis] for point in rings[0]] for axis in (0, 1))
        box = (min(xs), max(xs), min(ys), max(ys))
        # Little-endian with an envelope of x and y, then well-known binary.
        parts = [struct.pack("<2sBBi4d", b"GP", 0, 0b11, self._system, *box), struct.pack("<BII", 1, 3, len(rings))]
        for ring in rings:
            parts.append(struct.pack("<I", len(ring)))
            parts.append(struct.pack(f"<{2 * len(ring)}d", *(value for point in ring for value in point)))
        self._database.execute("INSERT INTO regions (geom, id, name) VALUES (?, ?, ?)", (b"".join(parts), number, name))
        own = [box[0], box[2], box[1], box[3]]
        known = self._box or own
        self._box = [min(known[0], own[0]), min(known[1], own[1]), max(known[2], own[2]), max(known[3], own[3])]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with closing(self._database) as database:
            if error is None:
                contents = "INSERT INTO gpkg_contents VALUES ('regions', 'features', 'regions', '', strftime("
                contents += "'%Y-%m-%dT%H:%M:%fZ','now'), ?, ?, ?, ?, ?)"
                database.execute(contents, (*(self._box or (None, None, None, None)), self._system))
                columns = "INSERT INTO gpkg_geometry_columns VALUES ('regions', 'geom', 'POLYGON', ?, 0, 0)"
                database.execute(columns, (self._system,))
                database.execute("COMMIT")
