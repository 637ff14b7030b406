"""Classes drawn in other colours than their data set's own."""

from collections.abc import Mapping
from dataclasses import replace

from sceneparse.errors import UserError
from sceneparse.labels.space import Color, LabelSpace


def recolored(space: LabelSpace, colors: Mapping[str, Color]) -> LabelSpace:
    """Return a label space with other colours; of one whose masks hold colours, one whose masks hold ids.

    For the colours that masks hold are the old ones.

    Args:
        space: The label space.
        colors: The colours of some classes, by name; names that it does not have are left out.

    Raises:
        UserError: One is that of another class.
    """
    if not any(name in colors for name in space.names):
        return space
    chosen = tuple(colors.get(name, own) for name, own in zip(space.names, space.colors, strict=True))
    for name, color in zip(space.names, chosen, strict=True):
        other = next((one for one, its in zip(space.names, chosen, strict=True) if its == color and one != name), None)
        if name in colors and other is not None:
            raise UserError(
                f"'{name}' has the colour {list(color)}, which '{other}' has already: give one of them another"
            )
    return replace(space, colors=chosen, masks="index", ignore_colors=())
