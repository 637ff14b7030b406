"""The table of the kinds of data sets, by their names in `data.kind`.

A kind of another package is an entry point of the group "sceneparse.datasets" (see `sceneparse.tables`).
"""

from typing import TYPE_CHECKING

from sceneparse.settings import DataSettings
from sceneparse.tables import Table

if TYPE_CHECKING:
    from sceneparse.datasets.kind import DatasetKind

KINDS: "Table[DatasetKind]" = Table(
    "datasets",
    {
        "toyworld": "sceneparse.datasets.toyworld:KIND",
        "folder": "sceneparse.datasets.folder:KIND",
        "camvid": "sceneparse.datasets.camvid:KIND",
        "ade20k": "sceneparse.datasets.ade20k:KIND",
        "voc2012": "sceneparse.datasets.voc:KIND",
        "pascal_context": "sceneparse.datasets.pascal_context:KIND",
        "pascal_context_60": "sceneparse.datasets.pascal_context:KIND_60",
        "cityscapes": "sceneparse.datasets.cityscapes:KIND",
        "coco_stuff": "sceneparse.datasets.coco_stuff:KIND",
        "huggingface": "sceneparse.datasets.huggingface:KIND",
        "nifti": "sceneparse.datasets.nifti:KIND",
        "geotiff": "sceneparse.datasets.geotiff:KIND",
        "ade20k_full": "sceneparse.datasets.broden.ade20k_full:KIND",
        "broden": "sceneparse.datasets.broden.dataset:KIND",
        "car_parts": "sceneparse.datasets.car_parts:KIND",
        "dtd": "sceneparse.datasets.dtd:KIND",
        "coco": "sceneparse.datasets.annotations.coco:KIND",
        "coco_panoptic": "sceneparse.datasets.annotations.coco_panoptic:KIND",
        "labelme": "sceneparse.datasets.annotations.labelme:KIND",
        "label_studio": "sceneparse.datasets.annotations.label_studio:KIND",
        "supervisely": "sceneparse.datasets.annotations.supervisely:KIND",
        "darwin": "sceneparse.datasets.annotations.darwin:KIND",
        "segments": "sceneparse.datasets.annotations.segments:KIND",
        "cvat": "sceneparse.datasets.cvat:KIND",
        "datumaro": "sceneparse.datasets.datumaro:KIND",
        "camvid_form": "sceneparse.datasets.camvid_form:KIND",
        "cityscapes_form": "sceneparse.datasets.cityscapes_form:KIND",
        "kitti_form": "sceneparse.datasets.kitti:KIND_FORM",
        "roboflow": "sceneparse.datasets.roboflow:KIND",
        "vistas": "sceneparse.datasets.vistas:KIND",
        "bdd100k": "sceneparse.datasets.bdd100k:KIND",
        "kitti": "sceneparse.datasets.kitti:KIND",
        "mixture": "sceneparse.datasets.mixture:KIND",
    },
    kind="sceneparse.datasets.kind:DatasetKind",
)


def of_pictures_alone(data: DataSettings) -> bool:
    """Return whether a data set, or all that a mixture is made of, shows pictures.

    Rasters and volumes have a scale of their own, that of the ground or of a body: none is to be learnt from their
    sizes, and they are never brought to one that was.

    Args:
        data: The data set's settings.
    """
    own = KINDS[data.kind]
    kinds = [KINDS[source.kind] for source in data.sources] if own.mixes else [own]
    return all(kind.rasters is None and kind.volumes is None for kind in kinds)
