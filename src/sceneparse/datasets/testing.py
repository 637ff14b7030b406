"""What a model is tested on: a data set by the model's own settings, and its split."""

import shlex
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from sceneparse.arguments import argument
from sceneparse.data.sample import DataSet
from sceneparse.datasets.kinds import KINDS
from sceneparse.datasets.opening import open_dataset
from sceneparse.errors import MissingSplitError, UserError
from sceneparse.settings import DataSettings
from sceneparse.tables import require_known


def data_settings(
    trained: DataSettings,
    data: str | Path | DataSettings | None,
    kind: str | None,
    split: str | None,
    *,
    own: DataSettings | None = None,
    model: tuple[str, str] | None = None,
) -> DataSettings:
    """Return the settings of the data set to test a model on: the model's own, changed by what a command says.

    Args:
        trained: What the model was trained on.
        data: The data set's folder, or all of its settings.
        kind: Its kind.
        split: What to test on.
        own: The data of the model's training, with their folder; None where it isn't known.
        model: On the command line, the command's name and what it is given for the model.

    Raises:
        UserError: A folder is missing (the message has that of the training), or is given where none is read.
    """
    if isinstance(data, DataSettings):
        if kind is not None and kind != data.kind:
            raise UserError(f"kind is '{kind}', but data.kind is '{data.kind}': leave kind out")
        return data if split is None else replace(data, test=split)
    if kind is not None:
        require_known("datasets", kind, argument("kind"))
    other = kind is not None and kind != trained.kind
    settings = trained.of_kind(kind) if other and kind else trained
    known = KINDS[settings.kind]
    if known.root == "none" and data is not None:
        raise UserError(
            f"{settings.kind} needs no {argument('data')} folder: leave it out, or give {argument('kind', 'folder')}"
        )
    if known.root == "required" and data is None and settings.root is None:
        named = f"name its folder with {argument('data', 'DIR')}"
        if own is not None and own.root is not None and own.kind == settings.kind:
            line = None if model is None else evaluate_command(model[1], own.root, split=split, verb=model[0])
            named = f"name its folder; on what the model was trained on: {argument('data', own.root, option=line)}"
        raise UserError(f"to test on data of kind {settings.kind}, {named}")
    # A kind that is named here is not the model's own, whose recipe says what to test on.
    standard = known.reported if other else None
    return replace(settings, root=settings.root if data is None else str(data), test=split or standard or settings.test)


def folder_of(root: str | None) -> str | None:
    """Return a data set's folder as it is found from everywhere; the name of one that lies in none stays."""
    if root is not None and (folder := Path(root)).exists():
        return str(folder.resolve())
    return root


def same_data(one: DataSettings, other: DataSettings) -> bool:
    """Return whether two settings name the same data set, whichever splits."""
    return one.kind == other.kind and folder_of(one.root) == folder_of(other.root)


def evaluate_command(
    model: str | Path,
    root: str | Path | None,
    *,
    kind: str | None = None,
    split: str | None = None,
    verb: str = "evaluate",
) -> str:
    """Return the command that tests a model on a data set, for people to copy.

    Args:
        model: What a command takes for it; "MODEL" where none is meant.
        root: The data set's folder, or its name; None of a kind without either.
        kind: Its kind, where that is not the model's.
        split: Its split; None for the command's default.
        verb: Another command that takes the same.
    """
    options = {"data": root, "kind": kind, "split": split}
    given = [word for name, value in options.items() if value is not None for word in (f"--{name}", str(value))]
    return shlex.join(["sceneparse", verb, str(model), *given])


@dataclass(frozen=True)
class DataToTest:
    """What a model is tested on.

    Args:
        settings: What it was opened by; `test` is its split.
        dataset: Its samples.
        note: What is to be said of the choice of the split; None where there was nothing to choose.
    """

    settings: DataSettings
    dataset: DataSet
    note: str | None = None


def open_to_test(
    trained: DataSettings,
    data: str | Path | DataSettings | None,
    kind: str | None,
    split: str | None,
    *,
    own: DataSettings | None,
    channels: int = 3,
) -> DataToTest:
    """Open the data set that a model is tested on.

    Where nobody names a split and the data that a training learnt from have none for testing, its model is tested on
    what it held out for validation: the best that is left.

    Args:
        trained: What the model says of the data that it was trained on.
        data: As in `data_settings`, like the next two.
        kind: The kind of data.
        split: The split that is named; None without one.
        own: The data of the model's training, with their folder; None where it isn't known.
        channels: Channels of the pictures.

    Raises:
        UserError: As `data_settings` and `open_for_testing`.
    """
    settings = data_settings(trained, data, kind, split, own=own)
    try:
        return DataToTest(settings, open_dataset(settings, settings.test, channels=channels))
    except MissingSplitError as missing:
        if split is None and own is not None and same_data(settings, own):
            held, there = replace(settings, test=settings.val), None
            with suppress(MissingSplitError):
                there = open_dataset(held, held.test, channels=channels)
            if there is not None:
                return DataToTest(held, there, _held_out_note(settings.test, held.test))
        raise _with_advice(missing, settings, channels) from None


def _held_out_note(wanted: str, held: str) -> str:
    return (
        f"there is no split '{wanted}': tested on '{held}', which the training held out and chose its model by, so "
        f"that new pictures may score a little less (another: {argument('split', 'NAME')})"
    )


def open_for_testing(settings: DataSettings, *, channels: int = 3) -> DataSet:
    """Open the split that a model is tested on.

    Args:
        settings: Kind and folder of the data set, and the splits' names.
        channels: Channels of the pictures, as `read_picture` takes them.

    Raises:
        UserError: As `open_dataset`; where there is no such split the message names one that there is.
    """
    try:
        return open_dataset(settings, settings.test, channels=channels)
    except MissingSplitError as missing:
        raise _with_advice(missing, settings, channels) from None


def _with_advice(missing: MissingSplitError, settings: DataSettings, channels: int) -> MissingSplitError:
    """The error that a split is missing, with splits that there are: first what a training here has held out."""
    faults = {name: _fault(settings, name, channels) for name in (settings.val, "all")}
    there = {name: argument("split", name) for name, fault in faults.items() if fault is None}
    if not there:
        broken = (f"{name}: {fault}" for name, fault in faults.items() if not isinstance(fault, MissingSplitError))
        fault = next(broken, "")
        return MissingSplitError(missing.what, f"; what there is cannot be opened: {fault}") if fault else missing
    advice = f"to test on one that there is: {next(iter(there.values()))}"
    if len(there) > 1:  # in one piece
        held, whole = there.values()
        advice = (
            f"to test a model that was trained here, on what its training held out: {held}; one that has never seen "
            f"any of it: {whole}"
        )
    return MissingSplitError(missing.what, f"; {advice}")


def _fault(settings: DataSettings, split: str, channels: int) -> UserError | None:
    """Why a split cannot be opened; None where it can."""
    try:
        open_dataset(settings, split, channels=channels)
    except UserError as error:
        return error
    return None
