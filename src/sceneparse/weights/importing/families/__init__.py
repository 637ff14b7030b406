"""The families of checkpoints that can be imported, one file each."""

from sceneparse.weights.importing.families import (
    caffe,
    csail,
    mmseg,
    pspnet_mobilenetv2,
    pspnet_pytorch,
    semseg,
    smp,
    torchvision,
    torchvision_deeplab,
    transformers,
    transformers_convnext,
    transformers_swin,
    unifiedparsing,
    upernet_concat,
)
from sceneparse.weights.importing.family import Family

ALL: tuple[Family, ...] = (
    semseg.FAMILY,
    caffe.FAMILY,
    csail.FAMILY,
    csail.BASELINE,
    unifiedparsing.FAMILY,
    pspnet_pytorch.FAMILY,
    pspnet_mobilenetv2.FAMILY,
    upernet_concat.FAMILY,
    mmseg.FAMILY,
    transformers.FAMILY,
    transformers_convnext.FAMILY,
    transformers_swin.FAMILY,
    smp.PSPNET_FAMILY,
    smp.UPERNET_FAMILY,
    torchvision.FAMILY,
    torchvision_deeplab.FAMILY,
)
"""Every family, in the order in which they are tried and shown. Several may have one name: one code base's networks."""

FAMILIES: dict[str, tuple[Family, ...]] = {
    name: tuple(family for family in ALL if family.name == name)
    for name in dict.fromkeys(family.name for family in ALL)
}
"""The families by the name that the command line gives them."""
