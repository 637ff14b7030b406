"""Open the samples that a setting names: one split, some of its samples, several splits joined, or a mixture."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sceneparse.arguments import argument
from sceneparse.data.class_changes import ClassChanges
from sceneparse.data.mixture import Mixture, Source, united
from sceneparse.data.notes import DataNote
from sceneparse.data.sample import DataSet, groups_of
from sceneparse.data.shrinking import Shrunken
from sceneparse.data.single_task import SplitAnnotation
from sceneparse.data.splits import JoinedSplits, SomeSamples
from sceneparse.datasets.kind import root_of
from sceneparse.datasets.kinds import KINDS
from sceneparse.datasets.one_class import one_class
from sceneparse.datasets.pieces import piece_of
from sceneparse.datasets.subsets import EVERY, decided, held_out_of, part, parted_as, parted_note
from sceneparse.errors import MissingSplitError, OtherKindError, UserError, require
from sceneparse.settings import ClassSettings, DataSettings, SourceSettings
from sceneparse.tasks import TRUTH_NAMES, Task


def open_dataset(settings: DataSettings, split: str, *, channels: int = 3) -> DataSet:
    """Open a split of a data set. Folders are listed, files not yet read.

    Args:
        settings: Kind and folder of the data set.
        split: A split's name, or several joined by "+" ("train+val"), whose samples follow each other and whose names
            begin with their split's ("train/0001"). "train[:300]" is the first 300 samples of a split, "train[300:]"
            the others, "train[::2]" every second; "train[a_*,b_*]" are those whose names begin with "a_" or "b_",
            "train[!a_*,b_*]" the others. A mixture's split is what its sources have under that name.
        channels: Channels of the pictures, as `read_picture` takes them.

    Raises:
        UserError: The folder hasn't the kind's layout (the message shows it), has no such split, its pictures and masks
            don't match, or `data.classes` names a class that there is not.
    """
    classes, own = settings.classes, _open_own(settings, split, channels)
    if not classes.changing:
        return _split_annotation(own, settings, split)
    what = f"kind {settings.kind}" if settings.root is None else str(settings.root)
    changed = ClassChanges(own, classes.renames(), what, mirror=classes.mirror, colors=classes.drawn())
    return _split_annotation(changed, settings, split)


def _open_own(settings: DataSettings, split: str, channels: int) -> DataSet:
    """A split with the data set's own classes."""
    kind = KINDS[settings.kind]
    if kind.mixes:  # its data sets cut and join splits of their own
        return kind.open(settings, split, channels)
    names = split.split("+")
    if len(set(names)) != len(names):
        raise UserError(f"split '{split}' names a split twice, which would count its pictures double")
    splits = [_open_piece(settings, name, channels) for name in names]
    return splits[0] if len(splits) == 1 else JoinedSplits(names, splits)


def _split_annotation(dataset: DataSet, settings: DataSettings, split: str) -> DataSet:
    mixes = KINDS[settings.kind].mixes  # whose data sets have it already
    if settings.annotation == "split" and split == settings.train and not mixes:
        return SplitAnnotation(dataset, settings.batches)
    return dataset


def open_for_training(settings: DataSettings, *, channels: int = 3) -> tuple[DataSet, DataSet]:
    """Open the splits that a training needs: the one to learn from and the one to validate on.

    Args:
        settings: Kind and folder of the data set, and the splits' names.
        channels: Channels of the pictures, as `read_picture` takes them.

    Raises:
        UserError: As `open_dataset`, or a split has no samples, or the two have different classes, or one class alone.
    """
    try:
        training = open_dataset(settings, settings.train, channels=channels)
    except OtherKindError as error:
        raise UserError(f"{error.looks}: name it with {argument('data.kind', error.kind)}") from None
    validation = open_dataset(settings, settings.val, channels=channels)
    for split, found in ((settings.train, training), (settings.val, validation)):
        require(
            len(found) > 0,
            f"split '{split}' has no samples: training needs some to learn from and some to validate on",
        )
    require(
        training.labels.names == validation.labels.names,
        f"splits '{settings.train}' and '{settings.val}' have different classes",
    )
    if set(training.tasks.spaces()) == {Task.OBJECT} and (wrong := one_class(training.labels, settings)):
        raise UserError(wrong)
    return training, validation


def open_to_learn_from(settings: DataSettings, split: str | None, *, channels: int = 3) -> DataSet:
    """Open the split from whose truth `sceneparse diagnose` learns which classes occur together.

    Args:
        settings: Kind and folder of the data set, and the splits' names.
        split: The split that is named; None is the training split.
        channels: Channels of the pictures, as `read_picture` takes them.

    Raises:
        UserError: As `open_dataset`; the message says which argument names another split.
    """
    with learning_from():
        return open_dataset(settings, split or settings.train, channels=channels)


@contextmanager
def learning_from() -> Iterator[None]:
    """Say of a split that cannot be opened what is learnt from it, and which argument names another one."""
    try:
        yield
    except UserError as error:
        raise UserError(
            f"{error} (what goes with what is learnt from the truth of a split: name one with "
            f"{argument('learn_split')})"
        ) from None


def _open_piece(settings: DataSettings, name: str, channels: int) -> DataSet:
    """A split, or some of its samples."""
    piece = piece_of(name)
    whole = _open_split(settings, piece.split, channels)
    return whole if piece.whole else SomeSamples(whole, piece.of(len(whole), whole.name))


def _open_split(settings: DataSettings, name: str, channels: int) -> DataSet:
    """A split; of a data set without any, the part that plays its role."""
    try:
        return KINDS[settings.kind].open(settings, name, channels)
    except MissingSplitError:
        whole = undivided(settings, name, channels=channels)
        if whole is None:
            raise
    positions = _parted(settings, name, whole)
    return SomeSamples(whole, positions, parting_note(whole) if len(positions) < len(whole) else None)


def parting_note(whole: DataSet) -> DataNote:
    """Say how a data set that has no splits is parted, and how to part it otherwise.

    Args:
        whole: All of its samples, as `undivided` gives them.
    """
    groups = Counter(groups_of(whole))
    if len(groups) in (1, len(whole)):
        note = parted_note("all", [whole.name(index) for index in range(len(whole))])
        if len(groups) == len(whole):
            return note
        doubt = (
            "; neighbouring tiles of one raster look alike, so that figures on them say little about new ground: label "
            "another raster, which then goes to one side as a whole"
        )
        return DataNote(note.short + doubt, note[len(note.short) :])
    held = len(held_out_of(list(groups)))
    text = (
        f"there is one split, 'all': of its rasters one in five, by its name, is held out as val with all of its tiles "
        f"({held} of {len(groups)})"
    )
    others = ", the others are train"
    plain = [group for group in groups if not set("[],!+*?").intersection(group)]  # which pieces can name
    if not plain:
        return DataNote(text, others)
    name = min(plain, key=lambda group: abs(groups[group] - len(whole) / EVERY))
    return DataNote(text, f"{others}; to part it yourself: {parted_as(f'all[!{name}/*]', f'all[{name}/*]')}")


def _parted(settings: DataSettings, name: str, whole: DataSet) -> Sequence[int]:
    """The positions of the samples that a split's name stands for, of a data set that has no splits."""
    there, held_out = decided(("all",), name, undivided=True, val=settings.val)
    if there is None:
        return ()
    if held_out is None:
        return range(len(whole))
    groups = groups_of(whole)
    if len(set(groups)) == 1:  # of rasters one is enough, where it is cut
        groups = [whole.name(index) for index in range(len(whole))]
    names = list(dict.fromkeys(groups))
    more = f"label more, or cut it into tiles by {argument('data.options.tile', 512)}"
    more = more if KINDS[settings.kind].rasters is not None else "label more"
    chosen = {names[position] for position in part(names, held_out, root_of(settings), more)}
    return [position for position, group in enumerate(groups) if group in chosen]


def role_positions(settings: DataSettings, wanted: str, whole: DataSet) -> list[int]:
    """Return the positions of the samples that a setting names, such as "val" or "train[:9]", in a set in one piece.

    Args:
        settings: What the data set was opened by.
        wanted: What the setting says.
        whole: All of its samples, as `undivided` gives them.

    Raises:
        UserError: It cannot be parted, or a piece is empty.
    """
    found: list[int] = []
    for name in wanted.split("+"):
        piece = piece_of(name)
        split = _parted(settings, piece.split, whole)
        names = [whole.name(position) for position in split]
        if names:
            found += [split[position] for position in piece.of(len(names), names.__getitem__)]
    return found


def undivided(settings: DataSettings, name: str, *, channels: int = 3) -> DataSet | None:
    """Return all samples of a data set that has no splits, if it is parted to give the one of a name; else None.

    Args:
        settings: Kind and folder of the data set, and the splits' names.
        name: The split that is asked for and that is not there.
        channels: Channels of the pictures.

    Raises:
        UserError: The data set cannot be read.
    """
    kind = KINDS[settings.kind]
    if not kind.undivided or name == "all" or decided(("all",), name, undivided=True, val=settings.val)[0] is None:
        return None
    try:
        return kind.open(settings, "all", channels)
    except MissingSplitError:  # it has splits, but not this one
        return None


def open_mixture(settings: DataSettings, split: str, channels: int = 3) -> Mixture:
    """Open a split of a mixture. Its label spaces are those of all sources, also of ones that have no such split.

    Args:
        settings: With `sources`.
        split: train, val or test.
        channels: Channels of the pictures.

    Raises:
        UserError: No sources, another split, no source has it, or a source cannot be opened.
    """
    if not settings.sources:
        raise UserError(
            "a mixture is what data.sources lists, and there is none: list data sets, each a kind and a root"
        )
    if split not in ("train", "val", "test"):
        raise UserError(f"a mixture has the splits train, val and test, not '{split}'")

    def source(own: SourceSettings, name: str) -> Source:
        root = None if own.root is None else str(Path(settings.root or "") / own.root)
        classes = settings.classes.only_file() if "classes" in KINDS[own.kind].uses else ClassSettings()
        # A set in one piece is parted by what this source gives to train, val and test, not by what the mixture does.
        splits = {"train": own.train or "", "val": own.val or "", "test": own.test or ""}
        data = settings.of_kind(own.kind, root=root, classes=classes, options=own.options, batches="pure", **splits)
        dataset = open_dataset(data, name, channels=channels)
        if own.short is not None:
            dataset = Shrunken(dataset, own.short)
        return Source(own.name or own.kind, dataset, own.weight, own.rename, own.tasks or TRUTH_NAMES, own.keep)

    everything = [source(own, own.train or own.val or own.test or "") for own in settings.sources]
    splits = [getattr(own, split) for own in settings.sources]
    chosen = [source(own, name) for own, name in zip(settings.sources, splits, strict=True) if name]
    if not chosen:
        raise MissingSplitError(f"no data set of the mixture has a split for {split}")
    return Mixture(chosen, settings.batches, united(everything, mirror=settings.classes.mirror is not None))
