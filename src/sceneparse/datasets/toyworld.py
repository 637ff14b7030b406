"""The toy world as a data set: scenes that are rendered, of the size and number that `data.toyworld` says."""

from typing import TYPE_CHECKING

from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind
from sceneparse.errors import MissingSplitError, UserError
from sceneparse.labels import LabelSpace
from sceneparse.settings import DataSettings

if TYPE_CHECKING:
    from sceneparse.data.sample import DataSet


def open_toyworld(settings: DataSettings, split: str, channels: int) -> "DataSet":
    """Open a split of the toy world.

    Args:
        settings: `toyworld` says what is drawn.
        split: train, val or test.
        channels: Channels of the pictures, 3.

    Raises:
        UserError: No such split, or another number of channels.
    """
    if split not in KIND.splits:  # before torch is loaded, which draws
        raise MissingSplitError(f"the toy world has no split '{split}': take one of {', '.join(KIND.splits)}")
    from sceneparse.toyworld import ToyWorld

    if channels != 3:
        raise UserError(f"toyworld: its pictures have 3 channels, but {channels} are wanted")
    drawn = settings.toyworld
    return ToyWorld(drawn.size, drawn.train_count if split == "train" else drawn.eval_count, split)


def _labels() -> LabelSpace:
    from sceneparse.toyworld import OBJECTS

    return OBJECTS


def _card(settings: DataSettings) -> str:
    drawn = settings.toyworld
    return f"sceneparse's built-in toy world: {drawn.train_count} rendered scenes, {drawn.size} pixels a side."


KIND = DatasetKind(
    open=open_toyworld,
    entry=Entry(
        title="The toy world",
        contents="any number of drawn scenes, labelled for five tasks; train, val, test",
        licence="part of sceneparse",
        page="",
        tree=("built in: no file",),
        by_hand="it is built in, and nothing has to be fetched: sceneparse data show toyworld",
    ),
    card=_card,
    fixed_labels=_labels,
    splits=("train", "val", "test"),
    root="none",
    uses=("toyworld",),
    several_tasks=True,
    rendered=True,
)
