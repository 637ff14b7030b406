"""The joint set as a data set: each record's picture is read by the source that it comes from."""

from pathlib import Path

from sceneparse.data.mixture import object_labels
from sceneparse.data.sample import Sample
from sceneparse.datasets.broden.records import Record, read_records
from sceneparse.datasets.broden.sources import Pictures, open_source
from sceneparse.datasets.broden.tables import BrodenTables, read_tables
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, by_root
from sceneparse.errors import MissingSplitError, UserError
from sceneparse.labels import LabelSpace, TaskLabels

RECORDS = {
    "train": ("broden_ade20k_pascal_train.json", "broden_os_train.json", "dtd_training_list.json"),
    "val": ("broden_ade20k_pascal_val.json", "broden_os_val.json", "dtd_validation_list.json"),
}
"""The record files of each split, in meta_file."""

LAYOUT = "meta_file/*.json with label tables and lists, and broden_dataset/{ade20k,pascal,opensurfaces,dtd}"
"""The expected tree, in one line."""


class Broden:
    """A split of the joint set; see `DataSet`.

    Args:
        records: Its pictures.
        sources: The lists that records point into, by the sources' names.
        tables: The label tables.
        channels: Channels of the pictures.
    """

    def __init__(
        self, records: list[Record], sources: dict[str, Pictures], tables: BrodenTables, channels: int = 3
    ) -> None:
        for record in records:
            count = len(sources[record.dataset])
            if record.file_index >= count:
                raise UserError(
                    f"a record points to picture {record.file_index} of {record.dataset}, whose list has {count:,}; "
                    "records and lists are not of one version"
                )
        self.tasks: TaskLabels = tables.tasks
        self._records, self._sources, self._channels = records, sources, channels

    @property
    def labels(self) -> LabelSpace:
        """The objects' label space.

        Raises:
            UserError: The set was built without objects.
        """
        return object_labels(self.tasks, "this Broden+ set")

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> Sample:
        record = self._records[index]
        sample = self._sources[record.dataset].sample(record.file_index, self._channels)
        if sample.size != (record.height, record.width):
            height, width = sample.size
            raise UserError(
                f"{sample.path}: {width}×{height} pixels, but its record says {record.width}×{record.height}: shorter "
                "sides over 512 pixels are to be scaled to 512; `sceneparse data build-broden` does it"
            )
        return Sample(**{**vars(sample), "name": self.name(index)})

    def name(self, index: int) -> str:
        """The sample's name, without reading it."""
        record = self._records[index]
        return f"{record.dataset}/{self._sources[record.dataset].name(record.file_index)}"


def open_broden(root: Path, split: str, channels: int = 3) -> Broden:
    """Open a split of Broden+.

    Args:
        root: The folder with `LAYOUT`, as published or as `build_broden` writes it. Only the sources that records name
            need to be there, and only the record files that exist are read.
        split: "train" or "val".
        channels: Channels of the pictures.

    Raises:
        UserError: Another layout, no such split, or damaged tables, lists or records.
    """
    meta = root / "meta_file"
    if not meta.is_dir():
        raise UserError(f"{root}: not the expected layout: {LAYOUT}; there is no folder meta_file")
    if split not in RECORDS:
        raise MissingSplitError(f"{root}: no split '{split}'; there are: {', '.join(RECORDS)}")
    files = [meta / file for file in RECORDS[split] if (meta / file).exists()]
    if not files:
        raise UserError(f"{meta}: none of the record files {', '.join(RECORDS[split])}")
    tables = read_tables(meta)
    records = [record for file in files for record in read_records(file)]
    names = sorted({record.dataset for record in records})
    return Broden(records, {name: open_source(name, root, tables) for name in names}, tables, channels)


def recognise_broden(root: Path) -> str | None:
    """What in a folder speaks for the joint set."""
    return "meta_file/ and broden_dataset/" if (root / "meta_file").is_dir() else None


KIND = DatasetKind(
    open=by_root(open_broden),
    entry=Entry(
        title="Broden+, the joint set of Unified Perceptual Parsing",
        contents="57,095 pictures; objects, parts, scenes, materials and textures; train, val",
        licence="those of its sources",
        page="https://github.com/CSAILVision/unifiedparsing",
        tree=("DIR/meta_file/*.json", "DIR/broden_dataset/{ade20k,pascal,opensurfaces,dtd}/…"),
        by_hand="it is made of its sources: sceneparse data build-broden --help",
    ),
    card="Broden+ (Xiao et al., 2018): objects, parts, scenes, materials and textures of several data sets.",
    splits=tuple(RECORDS),
    reported="val",
    several_tasks=True,
    recognise=recognise_broden,
)
