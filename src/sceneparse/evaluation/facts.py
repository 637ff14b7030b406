"""What an evaluation is of: which data, which model, computed how; and where the figures of another one go."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sceneparse.datasets.pieces import share_samples
from sceneparse.datasets.testing import folder_of, same_data
from sceneparse.files import write_errors
from sceneparse.inference import Opened
from sceneparse.recipes import to_mapping
from sceneparse.recipes.flat import flat_settings
from sceneparse.settings import DataSettings
from sceneparse.weights.naming import name_of
from sceneparse.weights.trained_on import trained_on

BESIDE = frozenset(
    {"kind", "root", "train", "val", "test", "workers", "cache_mb", "augment_on", "annotation", "batches"}
    | {"toyworld.train_count"}
)
"""Settings of data that say nothing of how a split is read: where it is, its name, and what concerns training alone."""

DRAWN_BY = "classes.colors."
"""What the settings begin with that say how classes are drawn, in `data_options`' terms."""

READ_BY = ("range", "camera", "options.bands", "options.ranges", "nifti.modalities", "nifti.windows")
"""Settings of data that say how a network is given its pictures: figures of others are on the same truth."""

TEST = ("kind", "split", "folder", "data_options", "protocol")
"""The keys of metrics.json that say what was tested, and how."""


@dataclass(frozen=True)
class EvaluationFacts:
    """Which data and which model an evaluation is of.

    Args:
        model: What the model is called by its folder, as of `name_of`.
        recipe: What it calls itself: by its recipe, as all runs of that.
        kind: The data set's kind.
        split: Its split.
        folder: Its folder, or its name where it lies in none; None where the kind has neither.
        data_options: The settings by which its pictures and classes were read, as of `data_options`.
        untempered_sha256: The model's fingerprint without its temperatures, which change no figure; None for an
            exported file.
        engine: What computed the scores, and where.
        precision: float32, tf32 or bfloat16.
    """

    model: str
    recipe: str
    kind: str
    split: str
    folder: str | None
    data_options: Mapping[str, Any]
    untempered_sha256: str | None
    engine: str
    precision: str

    @classmethod
    def of(cls, model: str | Path, data: DataSettings, opened: Opened) -> "EvaluationFacts":
        """Return those of a model, opened from what a command was given, that is tested on a data set."""
        engine = opened.engine
        return cls(
            model=name_of(model),
            recipe=opened.config.name,
            **data_facts(data),
            untempered_sha256=opened.untempered,
            engine=engine.describe(),
            precision=engine.precision,
        )


def data_facts(data: DataSettings) -> dict[str, Any]:
    """Return what metrics.json says of the data that a model is tested on, by its keys."""
    options = data_options(flat_settings(to_mapping(data)))
    return {"kind": data.kind, "split": data.test, "folder": folder_of(data.root), "data_options": options}


def page_facts(model: str | Path, recipe: str, data: DataSettings, part: str = "") -> dict[str, str]:
    """Return what a page says at its head of the model and of the data that it is tested on, by name.

    Args:
        model: What a command was given.
        recipe: What the model calls itself.
        data: What it is tested on.
        part: How much of it, where that is not all.
    """
    own = "" if recipe == name_of(model) else f", recipe {recipe}"
    return {"model": f"{model}{own}", "data": data_line(data, part)}


def data_line(data: DataSettings, part: str = "") -> str:
    """Return the data that a model is tested on in a line: "folder, /home/me/my-data, val split".

    Args:
        data: What it is tested on.
        part: How much of it, where that is not all.
    """
    where = folder_of(data.root)
    return ", ".join(filter(None, (data.kind, where, f"{data.test} split", part)))


def title_of(model: str | Path, data: DataSettings) -> str:
    """Return the heading of what a model scores on a data set, both by their folders: "mine on my-data, val"."""
    return f"{name_of(model)} on {data_title(data)}"


def data_title(data: DataSettings) -> str:
    """Return what a data set and its split are called in a heading, by its folder: "my-data, val"."""
    where = folder_of(data.root)
    return f"{data.kind if where is None else Path(where).name}, {data.test}"


def is_other_test(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Return whether figures are of other data or by another protocol, as far as both say it.

    Args:
        before: What metrics.json says; that of earlier versions lacks some of it.
        now: Likewise, of what is tested now.
    """
    return any(key in before and key in now and before[key] != now[key] for key in TEST)


def data_options(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of data by which a split's pictures and classes are read, but for defaults.

    Args:
        settings: All settings of `data` by their dotted names, without "data.".
    """
    usual = flat_settings(to_mapping(DataSettings(kind="toyworld")))
    read = {key: value for key, value in settings.items() if key not in BESIDE and not key.startswith(DRAWN_BY)}
    return {key: value for key, value in read.items() if value != usual.get(key)}


def truth_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of `data_options` that have to be equal for figures to compare: all but how pictures are read."""
    return {key: value for key, value in options.items() if not key.startswith(READ_BY)}


def learnt_from(model: str | Path, trained: DataSettings, tested: DataSettings) -> str | None:
    """Say that a model is tested on pictures that it learnt from; None where that is not so, or not known.

    Args:
        model: What a command was given: a run knows its data set's folder, a model elsewhere doesn't.
        trained: What the model's settings say of the data that it learnt from.
        tested: What it is tested on.
    """
    trained = trained_on(model) or trained
    if not same_data(trained, tested) or not share_samples(trained.train, tested.test):
        return None
    return (
        f"the model learnt from pictures of '{tested.test}' (it was trained on '{trained.train}'): the figures say "
        "little of how good it is on others"
    )


def keep_earlier(folder: Path, file: str, now: Mapping[str, Any]) -> str | None:
    """Move a folder with the figures of another test of the same model aside, so that none of them are lost.

    A test of the same data under the same protocol is not kept: it takes the place of the one before, be that aside or
    not. So there is one folder for each test, however often they take turns.

    Args:
        folder: Where figures are going to be written.
        file: The file in it that holds them.
        now: What it is going to hold, as metrics.json does.

    Returns:
        A line that says where they are; None where there is nothing to keep.

    Raises:
        UserError: A folder cannot be moved.
    """
    before = _figures(folder / file)
    if before is None or not is_other_test(before, now):
        return None
    test = " ".join(str(before[key]) for key in ("kind", "split", "protocol") if key in before)
    test = re.split(", (?:whole picture|windows)", test)[0]  # of the protocol its name and size say enough
    same: Path | None = None
    aside, number = _aside(folder, 1), 1
    while aside.exists():
        kept = _figures(aside / file)
        if same is None and kept is not None and all(key in kept and kept[key] == now[key] for key in TEST):
            same = aside
        number += 1
        aside = _aside(folder, number)
    with write_errors(aside):
        folder.rename(aside)
        if same is not None:  # they change places
            same.rename(folder)
            aside = aside.rename(same)
    return f"{folder} held another test ({test}), which is in {aside} now"


def _aside(folder: Path, number: int) -> Path:
    return folder.with_name(f"{folder.name}-before" + (f"-{number}" if number > 1 else ""))


def _figures(file: Path) -> dict[str, Any] | None:
    """What a test's file says of it; None where there is none, or one that cannot be read."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
        found = value.get("metrics", value)
    except (OSError, ValueError, AttributeError):
        return None
    return found if isinstance(found, dict) else None
