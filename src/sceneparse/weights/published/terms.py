"""The terms of the data that published checkpoints were trained on: weights are used under these as well."""

ADE20K = "pictures for non-commercial research and education only, annotation BSD 3-clause"
VOC = "pictures of Flickr under its users' terms, for research"
COCO = "annotation CC BY 4.0, pictures of Flickr under its users' terms"

TERMS = {
    "ADE20K": ADE20K,
    "Cityscapes": "the owner's terms: non-commercial, with registration",
    "Pascal VOC 2012 + Aug": VOC,
    "PASCAL VOC 2012 + Aug": VOC,
    "PASCAL VOC 2012 (test)": VOC,
    "Pascal Context": VOC,
    "Pascal Context 59": VOC,
    "COCO-Stuff 10k": COCO,
    "COCO-Stuff 164k": COCO,
    "COCO val2017, VOC labels": COCO,
    "Broden+": f"that of ADE20K ({ADE20K}), Pascal, OpenSurfaces and DTD, each its own",
}
"""By the data's name in the catalogue. The lines are those of `sceneparse data list` where that knows the data too."""

UNKNOWN = "not known here: see its owner's page"


def terms_of(data: str) -> str:
    """Return the terms of a data set, in a line."""
    return TERMS.get(data, UNKNOWN)
