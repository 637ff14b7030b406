"""Data: samples, picture files in every form, data sets, augmentation, loading, the data doctor and the toy world."""

from sceneparse.data.augment import augment
from sceneparse.data.contact import contact_sheet
from sceneparse.data.datasets import open_dataset
from sceneparse.data.doctor import Diagnosis, Finding, check, print_diagnosis
from sceneparse.data.loader import Batch, training_batches
from sceneparse.data.sample import MASKS, DataSet, Sample
from sceneparse.data.show import show
from sceneparse.data.writing import export_dataset
from sceneparse.pictures.reading import (
    PICTURE_SUFFIXES,
    FoundPicture,
    PictureError,
    find_pictures,
    picture_size,
    read_mask,
    read_picture,
    write_mask,
    write_picture,
)

__all__ = [
    "MASKS",
    "PICTURE_SUFFIXES",
    "Batch",
    "DataSet",
    "Diagnosis",
    "Finding",
    "FoundPicture",
    "PictureError",
    "Sample",
    "augment",
    "check",
    "contact_sheet",
    "export_dataset",
    "find_pictures",
    "open_dataset",
    "picture_size",
    "print_diagnosis",
    "read_mask",
    "read_picture",
    "show",
    "training_batches",
    "write_mask",
    "write_picture",
]
