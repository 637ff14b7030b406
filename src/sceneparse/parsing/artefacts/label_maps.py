"""Label maps as files: pictures whose pixel values are the ids of a label space."""

from typing import TYPE_CHECKING

from sceneparse.parsing.artefacts.artefact import Artefact
from sceneparse.tasks import Task

if TYPE_CHECKING:
    from PIL.Image import Image

    from sceneparse.parsing.parse import Parse


def _task_map(task: Task) -> Artefact:
    name = task.plural

    def make(parse: "Parse") -> "Image":
        from sceneparse.drawing.legend import id_image

        assert parse.task_parse is not None  # `tasks` says so
        one = parse.task_parse.maps()[name]
        return id_image(one.labels, one.space)

    return Artefact(f"label map of the {name}", f"_{name}.png", make, frozenset((task,)), default=True)


LABELS = Artefact(
    "label map of the objects",
    ".png",
    lambda parse: parse.label_image(),
    default=True,
    video="_labels",
    volume=".nii.gz",
    raster="_labels.tif",
)
"""Of a video a folder with a label map for each frame; of a volume or a raster one of its own kind."""

POLYGONS = Artefact("regions of a raster as polygons (GeoJSON)", raster="_polygons.geojson")
GEOPACKAGE = Artefact("regions of a raster as polygons (GeoPackage)", raster="_polygons.gpkg")

PARTS = _task_map(Task.PART)
MATERIALS = _task_map(Task.MATERIAL)
TEXTURES = _task_map(Task.TEXTURE)
