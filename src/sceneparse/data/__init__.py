"""Data: samples, views on data sets, mixtures, augmentation, the order of samples and the loader."""

from sceneparse.data.sample import MASKS, DataSet, Sample

__all__ = ["MASKS", "DataSet", "Sample"]
"""None of these imports torch: the kinds of data sets, which recipes ask for, are made of them."""
