"""What a command refuses of the data that it is given before PyTorch is loaded, as far as that shows in a moment."""

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sceneparse.labels import LabelSpace
    from sceneparse.settings import DataSettings
    from sceneparse.weights.config import ModelConfig


def refuse_missing_data(
    model: str,
    folder: str | None,
    kind: str | None,
    split: str | None,
    *,
    to_fit: bool = False,
    also: str | None = None,
    command: str | None = None,
) -> "DataSettings | None":
    """Refuse a data set to test on that cannot be opened, or that has other classes than the model.

    Args:
        model: Whose kind of data it is where no other is named; one that is still to be fetched or made says nothing.
        folder: The data set's folder, where one is given.
        kind: Its kind, where one is named.
        split: What to test on.
        to_fit: Whether the model's validation split stands for the split that is not named, not its test split.
        also: A second model, which must have the same classes.
        command: The command's name, where it takes a model and these and no more.

    Returns:
        The settings by which the data set is opened; None where the model isn't known yet.

    Raises:
        UserError: There is no such folder or split, the folder lacks what the kind needs, or the classes differ.
    """
    from sceneparse.datasets.kinds import KINDS
    from sceneparse.datasets.testing import data_settings
    from sceneparse.labels.agreement import refuse_other_classes
    from sceneparse.settings import DataSettings
    from sceneparse.weights.at_hand import labels_at_hand, settings_at_hand
    from sceneparse.weights.trained_on import trained_on

    config = settings_at_hand(model)
    if config is None:
        if kind is not None and (folder is not None or KINDS[kind].root == "none"):
            of_kind = DataSettings(kind=kind, root=folder)
            _refuse_missing_folder(of_kind, split or of_kind.test)
        return None
    own, named = trained_on(model), None if command is None else (command, model)
    settings = data_settings(config.data, folder, kind, None if to_fit else split, own=own, model=named)
    if to_fit:
        split = split or settings.val
        settings = replace(settings, test=split)
    given = _classes_to_test(model, settings, split, config)
    for one in (model, also):
        known = None if one is None else labels_at_hand(one)
        if one is not None and known is not None and given is not None:
            refuse_other_classes(one, known[0], given)
    return settings


def _classes_to_test(
    model: str, settings: "DataSettings", split: str | None, config: "ModelConfig"
) -> "LabelSpace | None":
    """Open a data set to test on, as far as that takes a moment; its classes, where these are known by then."""
    from sceneparse.datasets.kinds import KINDS
    from sceneparse.datasets.testing import open_to_test
    from sceneparse.errors import MissingSplitError
    from sceneparse.weights.trained_on import trained_on

    if settings.kind == "folder":
        own, channels = trained_on(model), config.backbone.in_channels
        return open_to_test(config.data, settings, None, split, own=own, channels=channels).dataset.labels
    try:
        _refuse_missing_folder(settings, settings.test)
    except MissingSplitError:
        if split is not None or trained_on(model) is None:  # else another split may be tested
            raise
    kind = KINDS[settings.kind]
    return None if settings.classes.changing else kind.labels


def refuse_missing_truth(model: str, settings: "DataSettings | None", split: str | None) -> None:
    """Refuse a split to learn from that cannot be opened (`open_to_learn_from`), as far as that shows in a moment.

    Args:
        model: The model that is tested.
        settings: What `refuse_missing_data` returned.
        split: The split that is named; None is the training split.

    Raises:
        UserError: There is no such split.
    """
    from sceneparse.datasets.opening import learning_from, open_to_learn_from
    from sceneparse.weights.at_hand import settings_at_hand

    config = settings_at_hand(model)
    if settings is None or config is None:
        return
    if settings.kind == "folder":
        open_to_learn_from(settings, split, channels=config.backbone.in_channels)
    else:
        with learning_from():
            _refuse_missing_folder(settings, split or settings.train)


def refuse_missing_pictures(data: "DataSettings", channels: int) -> "LabelSpace | None":
    """Open a data set to train on that is listed in a moment: the usual folder. Others are opened by the training.

    Args:
        data: The data set.
        channels: Channels of the pictures.

    Returns:
        Its classes, where these are known by then.

    Raises:
        UserError: There is no such folder or split, or the folder lacks what the kind needs.
    """
    from sceneparse.datasets.kinds import KINDS

    if data.kind == "folder":
        from sceneparse.datasets.opening import open_for_training

        return open_for_training(data, channels=channels)[0].labels
    for split in (data.train, data.val):
        _refuse_missing_folder(data, split)
    return None if data.classes.changing else KINDS[data.kind].labels


def refuse_missing_split(data: "DataSettings", split: str, channels: int) -> None:
    """Refuse a split of a data set that cannot be opened, as far as that shows in a moment.

    Args:
        data: The data set.
        split: The split.
        channels: Channels of the pictures.

    Raises:
        UserError: There is no such folder or split, or the folder lacks what the kind needs.
    """
    if data.kind == "folder":
        from sceneparse.datasets.opening import open_dataset

        open_dataset(data, split, channels=channels)
    else:
        _refuse_missing_folder(data, split)


def _refuse_missing_folder(data: "DataSettings", split: str) -> None:
    """Refuse a data set whose folder is not there, that surely has no such split, or lacks a package that it needs."""
    from sceneparse.datasets.kind import root_of
    from sceneparse.datasets.kinds import KINDS
    from sceneparse.datasets.opening import open_dataset
    from sceneparse.datasets.pieces import piece_of
    from sceneparse.errors import MissingPackageError

    kind = KINDS[data.kind]
    if data.kind == "huggingface":  # one of the hub has a name, and takes long to be opened
        from sceneparse.datasets.huggingface import refuse_missing_folder

        refuse_missing_folder(data)
        return
    if kind.root == "required" and not root_of(data).exists():
        open_dataset(data, split)  # which says what is missing
    if kind.package is not None:
        try:
            kind.package()
        except MissingPackageError:
            open_dataset(data, split)  # which says it, if this data set needs the package
    for one in split.split("+") if kind.splits else ():
        if piece_of(one).split not in kind.splits:
            open_dataset(data, one)  # likewise
