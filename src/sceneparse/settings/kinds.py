"""Which settings of data a kind uses."""

from collections.abc import Sequence

from sceneparse.tables import table

COMMON = ("kind", "train", "val", "test", "cache_mb", "workers", "augment_on")
"""The settings of data that every kind uses."""

PICTURES = ("orientation", "range", "camera")
"""The settings of data that kinds use whose pictures are files as people have them, with masks that are files too."""


def used_by(kind: str, sources: Sequence[str] = ()) -> list[str]:
    """The settings of data that a kind uses, by name; the first is `kind` itself.

    Args:
        kind: The kind, an entry of the table of data sets.
        sources: The kinds of a mixture's data sets, whose settings stand beside the mixture's.
    """
    own = table("datasets")[kind]
    used = [*COMMON]
    if own.root != "none":
        used.insert(1, "root")
    used += own.uses
    if own.mixes:
        used.append("sources")
    if own.mixes or own.several_tasks:
        used += ["batches", "annotation"]
    if own.options is not None:
        used.append("options")
    for source in sources:
        used += [name for name in table("datasets")[source].uses if name not in used]
    return used
