"""The table of forms of annotation."""

from sceneparse.datasets.forms.form import AnnotationForm
from sceneparse.tables import Table

FORMS: Table[AnnotationForm] = Table(
    "forms",
    {
        "coco": "sceneparse.datasets.forms.coco:COCO",
        "coco_polygons": "sceneparse.datasets.forms.coco:COCO_POLYGONS",
        "cvat": "sceneparse.datasets.forms.cvat:CVAT",
        "labelme": "sceneparse.datasets.forms.labelme:LABELME",
        "label_studio": "sceneparse.datasets.forms.label_studio:LABEL_STUDIO",
        "csv": "sceneparse.datasets.forms.shares:CSV",
        "folder": "sceneparse.datasets.forms.folder:FOLDER",
    },
    kind="sceneparse.datasets.forms.form:AnnotationForm",
)
"""The forms by name."""
