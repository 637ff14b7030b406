"""The table of the kinds of data sets, by their names in `data.kind`.

A kind of another package is an entry point of the group "sceneparse.datasets" (see `sceneparse.tables`).
"""

from typing import TYPE_CHECKING

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
        "mixture": "sceneparse.datasets.mixture:KIND",
    },
    kind="sceneparse.datasets.kind:DatasetKind",
)
