"""The files that say what became of all inputs of a run, by their kind."""

from typing import Literal

Kind = Literal["picture", "video", "volume", "raster"]
"""Of what kind the inputs of a run are."""

SUMMARIES: dict[Kind, str] = {
    "picture": "summary.json",
    "video": "videos-summary.json",
    "volume": "volumes-summary.json",
    "raster": "rasters-summary.json",
}
"""The file in the output folder that says what became of all inputs of a kind."""
