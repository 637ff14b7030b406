"""The table of artefacts: all forms of output that a parse can be written in."""

from sceneparse.parsing.artefacts.artefact import Artefact
from sceneparse.tables import Table

ARTEFACTS: Table[Artefact] = Table(
    "artefacts",
    {
        "labels": "sceneparse.parsing.artefacts.label_maps:LABELS",
        "parts": "sceneparse.parsing.artefacts.label_maps:PARTS",
        "materials": "sceneparse.parsing.artefacts.label_maps:MATERIALS",
        "textures": "sceneparse.parsing.artefacts.label_maps:TEXTURES",
        "overlay": "sceneparse.parsing.artefacts.drawings:OVERLAY",
        "panels": "sceneparse.parsing.artefacts.drawings:PANELS",
        "confidence": "sceneparse.parsing.artefacts.confidences:CONFIDENCE",
        "confidence16": "sceneparse.parsing.artefacts.confidences:CONFIDENCE16",
        "geojson": "sceneparse.parsing.artefacts.geojson:GEOJSON",
        "timeline": "sceneparse.parsing.artefacts.drawings:TIMELINE",
        "montage": "sceneparse.parsing.artefacts.drawings:MONTAGE",
        "polygons": "sceneparse.parsing.artefacts.label_maps:POLYGONS",
        "geopackage": "sceneparse.parsing.artefacts.label_maps:GEOPACKAGE",
    },
    kind="sceneparse.parsing.artefacts.artefact:Artefact",
)
"""The artefacts by name, in the order in which they are written. Beside them there is always a JSON, the last file."""
