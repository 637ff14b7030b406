"""What of an import is only usual, since nothing in the file says it: normalisation and the size of test pictures."""

from collections.abc import Collection

from sceneparse.arguments import argument
from sceneparse.settings import PreprocessingSettings, ProtocolSettings
from sceneparse.settings.protocol import ProtocolName
from sceneparse.weights.importing.family import Recognition

SIZES: dict[ProtocolName, str] = {
    "whole": "pictures keep their own size",
    "window": "pictures keep their own size",
    "mmseg": "the short side of pictures is brought to 512",
    "csail": "pictures are tested at five sizes, with short sides of 300 to 600",
    "semseg": "the long side of pictures is brought to 512",
}
"""What the known protocols do with a picture's size."""


def assumed(found: Recognition, given: Collection[str], *, unread: bool = False) -> tuple[str, ...]:
    """Return a line on the normalisation and one on the size of test pictures, where they are only usual.

    Args:
        found: What a checkpoint was recognised as, with what stands beside its weights.
        given: The groups of settings that are given.
        unread: Whether the file has a normalisation that was not taken, which is said already.
    """
    lines = []
    usual = found.preprocessing == PreprocessingSettings()
    if "preprocessing" not in given and not found.says_input and usual:
        why = "what the file says is not taken" if unread else "nothing in the file says it"
        lines.append(
            f"preprocessing: {why}, so ImageNet's mean and standard deviation are taken; if yours are others, "
            f"give {argument('preprocessing.mean')} and {argument('preprocessing.std')}"
        )
    if "protocol" not in given and not found.says_size:
        lines.append(
            f"protocol: nothing in the file says at which size pictures are tested, so {_tested(found.protocol)}; if "
            f"yours were of another, give {argument('protocol.size')}: own, the short side, or a height and a width"
        )
    return tuple(lines)


def _tested(protocol: ProtocolSettings) -> str:
    """Return to what a protocol that a family usually has brings pictures, for people."""
    if isinstance(protocol.size, int):
        side = protocol.resize or ("long" if protocol.name == "semseg" else "short")
        return f"the {side} side of pictures is brought to {protocol.size}"
    return SIZES[protocol.name]
