"""Why a single class is too few to learn, and what to do about it."""

from sceneparse.arguments import argument
from sceneparse.labels import LabelSpace
from sceneparse.settings import ClassSettings


def one_class(labels: LabelSpace, classes: ClassSettings) -> str:
    """Say that there is one class only, of which a network learns to say it everywhere; empty where there are more.

    Args:
        labels: The classes that are learnt.
        classes: What became of the data set's own.
    """
    if len(labels) > 1:
        return ""
    ignored = ignored_values(labels)
    dropped = [own for own, new in classes.renames().items() if new is None]
    if dropped:
        option = f"--data.classes.merge '{{background: [{', '.join(dropped)}]}}'"
        merge = argument("data.classes.merge", {"background": dropped}, option=option)
        rest = f"such as those that are dropped, as one: {merge}"
    elif classes.renames():
        rest = "so that some classes must stay what they are: merge fewer (data.classes)"
    elif ignored:
        rest = (
            f"such as the pixels that are ignored now ({ignored}): name them in classes.json in place of ignoring "
            f"them, of a tool's export give {argument('data.options.unlabelled', 'background')}"
        )
    else:
        rest = "for all other pixels"
    return (
        f"'{labels.names[0]}' is the only class, so that a network learns to say it everywhere, with a loss of 0: a "
        f"background class is needed, {rest}"
    )


def ignored_values(labels: LabelSpace) -> str:
    """Return the values or colours of masks that are ignored, for a message; empty where none are."""
    if labels.masks == "index":
        return ", ".join(map(str, labels.ignore))
    return ", ".join("#" + bytes(color).hex() for color in labels.ignore_colors)
