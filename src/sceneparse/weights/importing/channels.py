"""How many channels of a picture a network takes, by its first convolution, and a normalisation for as many."""

from collections.abc import Iterator
from dataclasses import replace

from timm.models import get_pretrained_cfg

from sceneparse.arguments import argument
from sceneparse.errors import counted
from sceneparse.settings import PreprocessingSettings
from sceneparse.weights.importing.family import Recognition, Shapes, UngivenError, theirs


def with_channels(found: Recognition, shapes: Shapes) -> Recognition:
    """Return what was recognised with the channels that its first convolution takes, where these are not three.

    Args:
        found: What was recognised.
        shapes: The checkpoint's keys and shapes.
    """
    for name in _first_weights(found.backbone.name):
        shape = shapes.get(theirs(f"backbone.body.{name}", found.names), ())
        if len(shape) == 4 and shape[1] != found.backbone.in_channels:
            backbone = replace(found.backbone, in_channels=shape[1])
            why = f"its first convolution takes {counted(shape[1], 'channel')}"
            return replace(found, backbone=backbone, why=(*found.why, why))
    return found


def _first_weights(name: str) -> Iterator[str]:
    """Yield the names that the first convolution's weight may have in a backbone of timm's."""
    known = get_pretrained_cfg(name, allow_unregistered=True)
    if known is not None and isinstance(known.first_conv, str):
        yield f"{known.first_conv}.weight"
        yield f"{known.first_conv}.weight".replace(".", "_", 1)


def fitted(preprocessing: PreprocessingSettings, channels: int, where: str, unread: str = "") -> PreprocessingSettings:
    """Return a normalisation for so many channels: as it is, or its one value for each.

    Args:
        preprocessing: The normalisation.
        channels: What the network takes.
        where: The file, for people.
        unread: What stands in it and why it was not taken, for people.

    Raises:
        UngivenError: It is for another number, and not the same for each.
    """
    sides = (preprocessing.mean, preprocessing.std)
    if all(len(side) == channels for side in sides):
        return preprocessing
    if any(len(set(side)) > 1 for side in sides):
        raise UngivenError(
            f"{where}: its network takes {counted(channels, 'channel')}: give {argument('preprocessing.mean')} and "
            f"{argument('preprocessing.std')} with {counted(channels, 'value')} each, of pictures in 0..1"
            + (f" ({unread})" if unread else "")
        )
    mean, std = ((side[0],) * channels for side in sides)
    return replace(preprocessing, mean=mean, std=std)
