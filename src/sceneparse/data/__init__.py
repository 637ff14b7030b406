"""Data: samples, views on data sets, mixtures, augmentation, the order of samples and the loader."""

from sceneparse.data.augment import augment
from sceneparse.data.loader import Batch, training_batches
from sceneparse.data.sample import MASKS, DataSet, Sample

__all__ = ["MASKS", "Batch", "DataSet", "Sample", "augment", "training_batches"]
