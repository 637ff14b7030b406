"""The declaration of a kind of data set, which each kind's file makes as its `KIND`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sceneparse.arguments import argument
from sceneparse.datasets.getting.entry import Entry
from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace
from sceneparse.settings import DataSettings
from sceneparse.settings.data import NiftiSettings
from sceneparse.settings.ranges import pairs_of, refuse_other_ranges

if TYPE_CHECKING:  # these import torch, which reading a recipe does not wait for
    from sceneparse.data.sample import DataSet
    from sceneparse.datasets.layout import Layout
    from sceneparse.datasets.matching import SplitFolders
    from sceneparse.datasets.submission import SubmissionForm
    from sceneparse.pictures.rasters import BandForm


@dataclass(frozen=True)
class DatasetKind:
    """A kind of data set.

    Args:
        open: Opens a split: of the settings, the split's name and the number of the pictures' channels.
        entry: What it is, where it is had and how it lies on disk.
        card: What a model card says of data of this kind, in a sentence or two.
        fixed_labels: Gives the label space of the objects, where all data sets of the kind have the same.
        splits: The names of its splits, where all data sets of the kind have the same.
        reported: The split that papers report on, where the truth for testing is not public.
        root: Whether `data.root` is required, is optional, or does not exist.
        uses: The settings that it uses besides root, splits and the loader's: of classes, toyworld, huggingface, nifti,
            orientation, range and camera.
        options: The frozen dataclass that `data.options` is read as, for a kind with settings of its own.
        several_tasks: Whether its pictures are labelled for several tasks.
        mixes: Whether it is made of other data sets, `data.sources`.
        rendered: Whether its samples are computed, so that no file of them can be damaged.
        pair_folders: For data sets that are folders of pictures and masks, the folders of each split in a root. The
            label space is the fixed one, or what classes.json in the root says.
        layout: For data sets of pictures and masks whose classes or files are found in another way, what lies on disk.
        volumes: For data sets whose samples are slices of volumes, how these are read.
        undivided: Whether a data set without splits, the split "all", is parted into train and val when it is opened; a
            kind with a `layout` says it there.
        rasters: For data sets of rasters, which bands and ranges make the pictures.
        submission: The form in which the benchmark's server takes results.
        recognise: Says what in a folder speaks for this kind ("labelmap.txt and SegmentationClass/"), or None if
            nothing does. It lists folders and reads the beginnings of small files only, and never raises for what it
            finds there.
        package: Imports the package that some data sets of the kind need, or raises a `MissingPackageError`.
    """

    open: Callable[[DataSettings, str, int], DataSet]
    entry: Entry
    card: str | Callable[[DataSettings], str]
    fixed_labels: Callable[[], LabelSpace] | None = None
    splits: tuple[str, ...] = ()
    reported: str | None = None
    root: Literal["required", "optional", "none"] = "required"
    uses: tuple[str, ...] = ()
    options: type | None = None
    several_tasks: bool = False
    mixes: bool = False
    rendered: bool = False
    pair_folders: Callable[[Path], Mapping[str, SplitFolders]] | None = None
    layout: Callable[[DataSettings], Layout] | None = None
    volumes: Callable[[DataSettings], NiftiSettings] | None = None
    undivided: bool = False
    rasters: Callable[[DataSettings], BandForm] | None = None
    submission: SubmissionForm | None = None
    recognise: Callable[[Path], str | None] | None = None
    package: Callable[[], object] | None = None

    @property
    def labels(self) -> LabelSpace | None:
        """The label space of the objects; None where each data set has its own."""
        return None if self.fixed_labels is None else self.fixed_labels()

    def channels(self, settings: DataSettings) -> int:
        """The number of channels of the pictures: 3, of volumes one a modality, of rasters one a named band."""
        if self.rasters is not None:
            return len(self.rasters(settings).bands) or 3
        if self.volumes is not None:
            return len(self.volumes(settings).modalities)
        # One range for each channel says how many there are.
        return 3 if settings.range is None or len(pairs_of(settings.range)) == 1 else len(settings.range)

    def describe(self, settings: DataSettings) -> str:
        """Return the model card's text on the data."""
        return self.card if isinstance(self.card, str) else self.card(settings)

    def read_options(self, given: Mapping[str, Any], setting: str, owner: str = "the kind") -> Any:
        """Return the kind's own settings as `options` declares them; None for a kind without any.

        Args:
            given: What `data.options` says.
            setting: The setting's dotted name, for messages.
            owner: What messages call the kind.

        Raises:
            UserError: The kind has no settings of its own, or they are unknown or wrong.
        """
        from sceneparse.recipes.options import read_options  # which reads settings of data, and so asks for kinds

        return read_options(self.options, given, setting, owner)


def root_of(settings: DataSettings) -> Path:
    """The data set's folder.

    Raises:
        UserError: `data.root` is not set, or is a file.
    """
    from sceneparse.datasets.file_as_root import refuse_file  # which reads splits' names, and so waits for pictures

    if settings.root is None:
        raise UserError(f"data.root is not set: name the folder of the data set ({argument('data.root', 'DIR')})")
    root = Path(settings.root)
    refuse_file(root)
    return root


def by_root(opener: Callable[[Path, str, int], DataSet]) -> Callable[[DataSettings, str, int], DataSet]:
    """Return the opener of a kind that needs no other setting than the folder, and maybe how its files are read.

    Args:
        opener: Opens a split: of the folder, the split's name and the number of channels. A kind that uses
            `data.orientation` and `data.range` gives a `ListedPictures`.
    """
    return as_files_say(lambda settings, split, channels: opener(root_of(settings), split, channels))


def as_files_say(
    opener: Callable[[DataSettings, str, int], DataSet],
) -> Callable[[DataSettings, str, int], DataSet]:
    """Return an opener that reads pictures as `data.orientation` and `data.range` say.

    Args:
        opener: Opens a split as a `ListedPictures` or `DrawnPictures`.
    """

    @wraps(opener)
    def open_split(settings: DataSettings, split: str, channels: int = 3) -> DataSet:
        refuse_other_ranges(settings.range, channels)
        dataset = opener(settings, split, channels)
        if (settings.orientation, settings.range) == ("apply", None):
            return dataset
        # Not at the top: reading a recipe must not wait for these.
        from sceneparse.datasets.annotations.drawn import DrawnPictures
        from sceneparse.datasets.pairs import ListedPictures
        from sceneparse.pictures.reading import Reading

        assert isinstance(dataset, ListedPictures | DrawnPictures), "the kind uses settings that it has no use for"
        return dataset.read_as(Reading(settings.orientation, settings.range))

    return open_split
