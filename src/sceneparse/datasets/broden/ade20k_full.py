"""ADE20K in its full annotation, a folder as its owners distribute it, in Broden+'s label spaces."""

from pathlib import Path

from sceneparse.data.mixture import object_labels
from sceneparse.data.sample import Sample
from sceneparse.datasets.broden.sources import AdeDecoder, ade_scene
from sceneparse.datasets.broden.tables import BrodenTables, published_tables
from sceneparse.datasets.folder import subfolders
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, by_root
from sceneparse.errors import MissingSplitError, UserError
from sceneparse.labels import IGNORE, LabelSpace, TaskLabels
from sceneparse.tasks import Task

LAYOUT = (
    "…/{training,validation}/…/NAME.jpg with NAME_seg.png, NAME_parts_1.png and NAME.json beside it (SceneParse150 is "
    "kind ade20k)"
)
"""The expected tree, in one line."""

SPLITS = {"train": "training", "val": "validation", "all": ""}
"""The folder of each split, anywhere below the root; "all" is the whole tree."""


class Ade20k:
    """Pictures of ADE20K; see `DataSet`.

    Args:
        root: Names are paths below it.
        pictures: The pictures' files.
        tables: Label tables that have the rows of ade20k.
        channels: Channels of the pictures.
    """

    def __init__(self, root: Path, pictures: list[Path], tables: BrodenTables, channels: int = 3) -> None:
        assert tables.tasks.objects is not None
        # The other tasks of Broden+ are not labelled in ADE20K.
        self.tasks = TaskLabels(tables.tasks.objects, tables.tasks.scenes, tables.tasks.tree)
        self._root, self._pictures, self._channels = root, pictures, channels
        self._decoder = AdeDecoder(tables)
        self._scenes = tables.by_name("ade20k", Task.SCENE)

    @property
    def labels(self) -> LabelSpace:
        """The objects' label space."""
        return object_labels(self.tasks, "ADE20K")

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> Sample:
        picture = self._pictures[index]
        name = ade_scene(picture)
        # The tables' names of raw scenes end in "-s".
        scene = IGNORE if name is None else self._scenes.get(f"{name}-s", IGNORE)
        return self._decoder(picture, self.name(index), None if scene == IGNORE else scene, self._channels)

    def name(self, index: int) -> str:
        """The sample's name, without reading it."""
        return self._pictures[index].relative_to(self._root).with_suffix("").as_posix()


def open_ade20k_full(root: Path, split: str, channels: int = 3) -> Ade20k:
    """Open a split of the full ADE20K, of any release, or of a part of it.

    Raises:
        UserError: Another layout, or no such split.
    """
    return Ade20k(root, ade_pictures(root, split), published_tables(), channels)


def ade_pictures(root: Path, split: str) -> list[Path]:
    """The pictures of a split that have an object map, sorted.

    Raises:
        UserError: There are none.
    """
    if split not in SPLITS:
        raise MissingSplitError(f"{root}: no split '{split}'; there are: {', '.join(SPLITS)}")
    subfolders(root)  # refuses what is no folder
    maps = sorted(root.rglob("*_seg.png"))
    wanted = SPLITS[split]
    maps = [path for path in maps if not wanted or wanted in path.relative_to(root).parts]
    if not maps:
        raise UserError(f"{root}: no picture of split '{split}'; expected layout: {LAYOUT}")
    return [path.with_name(path.name.removesuffix("_seg.png") + ".jpg") for path in maps]


def recognise_ade20k_full(root: Path) -> str | None:
    """What in a folder speaks for the full ADE20K: maps of objects in the first folder that holds files."""
    folder = root
    for _ in range(8):
        found = next(folder.glob("ADE_*_seg.png"), None)
        if found is not None:
            return found.relative_to(root).as_posix()
        below = subfolders(folder)
        if not below:
            return None
        folder /= below[0]
    return None


KIND = DatasetKind(
    open=by_root(open_ade20k_full),
    entry=Entry(
        title="ADE20K in its full annotation",
        contents="27,574 pictures (release of 2021); objects, parts and scenes in Broden+'s labels; train, val, all",
        licence="pictures for non-commercial research and education only, annotation BSD 3-clause; with registration",
        page="https://groups.csail.mit.edu/vision/datasets/ADE20K/",
        tree=(
            "DIR/…/{training,validation}/…/ADE_train_00000001.jpg",
            "DIR/…/ADE_train_00000001_seg.png, ADE_train_00000001_parts_1.png, ADE_train_00000001.json beside it",
        ),
        by_hand="its owners ask you to register and to fetch it yourself",
    ),
    card="ADE20K in its full annotation (Zhou et al., 2017): objects, parts and scenes.",
    splits=tuple(SPLITS),
    reported="val",
    several_tasks=True,
    recognise=recognise_ade20k_full,
)
