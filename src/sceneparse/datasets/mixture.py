"""Several data sets as one: the kind whose data sets `data.sources` lists."""

from typing import TYPE_CHECKING

from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind
from sceneparse.settings import DataSettings

if TYPE_CHECKING:
    from sceneparse.data.sample import DataSet


def _open(settings: DataSettings, split: str, channels: int) -> "DataSet":
    from sceneparse.datasets.opening import open_mixture  # which asks the table for the kinds of the data sets

    return open_mixture(settings, split, channels)


def _card(settings: DataSettings) -> str:
    return f"A mixture of data sets: {', '.join(source.name or source.kind for source in settings.sources)}."


KIND = DatasetKind(
    open=_open,
    entry=Entry(
        title="Several data sets as one",
        contents="what a recipe's data.sources name, each labelled for some of the tasks; train, val, test",
        licence="those of its data sets",
        page="",
        tree=("data.sources of a recipe, each with a kind and a root",),
        by_hand="it is made of other data sets, which are fetched one by one; docs/data.md says how they are mixed",
    ),
    card=_card,
    splits=("train", "val", "test"),
    root="optional",
    mixes=True,
)
