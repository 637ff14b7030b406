"""Why a single class is too few to learn, and what to do about it."""

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
    ignored = labels.ignore if labels.masks == "index" else labels.ignore_colors
    dropped = [own for own, new in classes.renames().items() if new is None]
    if dropped:
        shown = ", ".join(dropped)
        rest = f"such as those that are dropped, as one: --data.classes.merge '{{background: [{shown}]}}'"
    elif classes.renames():
        rest = "so that some classes must stay what they are: merge fewer (data.classes)"
    elif ignored:
        rest = f"such as the pixels that are ignored now ({ignored})"
    else:
        rest = "for all other pixels"
    return (
        f"'{labels.names[0]}' is the only class, so that a network learns to say it everywhere, with a loss of 0: a "
        f"background class is needed, {rest}"
    )
