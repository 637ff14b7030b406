"""The families of checkpoints that can be imported, in the order in which they are tried and shown.

One code base may write several kinds of checkpoints: what stands behind a slash distinguishes them, what stands before
it is the name that `sceneparse import --from` takes. Another package adds one by an entry point of the group
`sceneparse.families`.
"""

from typing import TYPE_CHECKING

from sceneparse.errors import require
from sceneparse.tables import Table

if TYPE_CHECKING:
    from sceneparse.weights.importing.family import Family

_HERE = "sceneparse.weights.importing.families"

FAMILIES: "Table[Family]" = Table(
    "families",
    own={
        "semseg": f"{_HERE}.semseg:FAMILY",
        "caffe": f"{_HERE}.caffe:FAMILY",
        "csail": f"{_HERE}.csail:FAMILY",
        "csail-baseline": f"{_HERE}.csail:BASELINE",
        "unifiedparsing": f"{_HERE}.unifiedparsing:FAMILY",
        "pspnet-pytorch": f"{_HERE}.pspnet_pytorch:FAMILY",
        "pspnet-mobilenetv2": f"{_HERE}.pspnet_mobilenetv2:FAMILY",
        "upernet-concat": f"{_HERE}.upernet_concat:FAMILY",
        "mmseg": f"{_HERE}.mmseg.family:FAMILY",
        "transformers/resnet": f"{_HERE}.transformers:FAMILY",
        "transformers/convnext": f"{_HERE}.transformers_convnext:FAMILY",
        "transformers/swin": f"{_HERE}.transformers_swin:FAMILY",
        "transformers/dinov2": f"{_HERE}.transformers_dinov2:FAMILY",
        "smp/pspnet": f"{_HERE}.smp:PSPNET_FAMILY",
        "smp/upernet": f"{_HERE}.smp:UPERNET_FAMILY",
        "torchvision/fcn": f"{_HERE}.torchvision:FAMILY",
        "torchvision/deeplabv3": f"{_HERE}.torchvision_deeplab:FAMILY",
    },
    kind="sceneparse.weights.importing.family:Family",
)
"""The families by name."""

AUTO, BACKBONE = "auto", "backbone"
"""Names of the command line that are no family: any of them, and a feature extractor alone."""


def family_names() -> tuple[str, ...]:
    """Return the names that `--from` takes, without loading anything."""
    return tuple(dict.fromkeys(map(name_of, FAMILIES)))


def refuse_unknown_family(family: str) -> None:
    """Refuse what `--from` doesn't take.

    Args:
        family: A name that `family_names` gives, "backbone", or "auto".

    Raises:
        UserError: It is none of these.
    """
    known = (AUTO, *family_names(), BACKBONE)
    require(family in known, f"no family '{family}'; known: {', '.join(known)}")


def families_named(name: str) -> "list[Family]":
    """Return the families that a name of `--from` stands for; none where there is no such name."""
    return [FAMILIES[key] for key in FAMILIES if name_of(key) == name]


def name_of(key: str) -> str:
    """Return the name of `--from` under which a key of `FAMILIES` is found."""
    return key.partition("/")[0]
