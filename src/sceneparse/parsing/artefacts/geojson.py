"""The classes of a picture as GeoJSON (RFC 7946): a MultiPolygon for each, along the edges of pixels.

Coordinates are pixels, not degrees: x to the right, y downwards, (0, 0) the upper left corner of the picture, which the
file says of itself in `units`. Exteriors have a positive area by the numbers, holes a negative one, as RFC 7946 has it.
"""

from typing import TYPE_CHECKING, Any

from sceneparse.files import json_of
from sceneparse.parsing.artefacts.artefact import Artefact

if TYPE_CHECKING:
    from sceneparse.parsing.parse import Parse

UNITS = "pixels; x to the right, y downwards, (0, 0) is the upper left corner of the picture"


def feature_collection(parse: "Parse") -> dict[str, Any]:
    """Return the classes that occur, the largest first, as GeoJSON's features."""
    polygons = {
        name: [[[*ring.tolist(), ring[0].tolist()] for ring in region.rings] for region in regions]
        for name, regions in parse.polygons().items()
    }
    height, width = parse.size
    return {
        "type": "FeatureCollection",
        "units": UNITS,
        "width": width,
        "height": height,
        "features": [
            {
                "type": "Feature",
                "properties": {
                    "name": entry.name,
                    "id": entry.id,
                    "color": list(entry.color),
                    "pixels": entry.pixels,
                    "confidence": round(entry.confidence, 4),
                },
                "geometry": {"type": "MultiPolygon", "coordinates": polygons[entry.name]},
            }
            for entry in parse.legend
        ],
    }


def _make(parse: "Parse") -> str:
    return json_of(feature_collection(parse), separators=(",", ":")) + "\n"


GEOJSON = Artefact("regions of each class as polygons", ".geojson", _make)
