"""Open a model by its name with an engine that is ready: the one way in for commands and for `Parser`."""

import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast, get_args

import torch

from sceneparse.arguments import check_choice, check_type
from sceneparse.devices import choose_device, choose_precision
from sceneparse.errors import UserError, require
from sceneparse.files import make_room, write_text
from sceneparse.inference.choosing import OF_FILES, EngineName, FittingEngine, chosen_engine, make_engine, why_auto
from sceneparse.inference.engine import Engine, TaskEngine
from sceneparse.inference.exported_file import Note, export_model, open_exported
from sceneparse.inference.openvino_engine import OpenVINOEngine, installed
from sceneparse.inference.program import ConversionError
from sceneparse.labels import LabelSpace, TaskLabels
from sceneparse.paths import expanded_source
from sceneparse.processes import leads
from sceneparse.progress import working
from sceneparse.settings import Precision
from sceneparse.settings.device import DEVICE_NAMES
from sceneparse.settings.engine import ENGINE_NAMES, is_exported, refuse_other_engine
from sceneparse.weights.config import CONFIG, LABELS, ModelConfig, read_config
from sceneparse.weights.conversions import (
    ANNOUNCED,
    REFUSED,
    crowding,
    digest,
    fingerprint_of,
    kept_file,
    note_time,
    time_to_convert,
    untempered_fingerprint,
)
from sceneparse.weights.kept import KEPT
from sceneparse.weights.labels_file import read_labels
from sceneparse.weights.measured import recall
from sceneparse.weights.model import Model, find_model, load_model


@dataclass(frozen=True)
class Opened:
    """A model that is ready to score pictures.

    Args:
        engine: What scores them.
        config: The model's settings.
        labels: Its classes.
        fingerprint: SHA-256 of its weights, settings and classes: equal for equal models, wherever they lie.
        folder: The model folder, or None for an exported file.
        tasks: The label spaces of a unified model's tasks; None for a model of one task.
        why: Why it is this engine, in a few words; empty where it was not chosen by `open_model`.
        untempered: The fingerprint without the temperatures, which change no label; None for an exported file.
    """

    engine: Engine
    config: ModelConfig
    labels: LabelSpace
    fingerprint: str
    folder: Path | None
    tasks: TaskLabels | None = None
    why: str = ""
    untempered: str | None = None

    def __repr__(self) -> str:
        return f"Opened({self.config.name}, engine {self.engine.name}, {self.tasks or self.labels})"


@dataclass(frozen=True)
class Found:
    """A model that was found and is not ready yet, which may take a conversion: what is asked of it is checked first.

    Args:
        config: The model's settings.
        labels: Its classes.
        tasks: The label spaces of a unified model's tasks; None for a model of one task.
        open: Makes it ready to score pictures.
    """

    config: ModelConfig
    labels: LabelSpace
    tasks: TaskLabels | None
    open: Callable[[], Opened]


def open_model(
    source: str | Path,
    *,
    engine: EngineName = "auto",
    device: str = "auto",
    precision: Precision = "auto",
) -> Opened:
    """Open a model to score pictures with.

    Converting a network for OpenVINO takes longer than parsing a few pictures, so what was converted is kept in
    `cache_folder()` and taken from there the next time.

    Args:
        source: As in `find_to_open`.
        engine: As there.
        device: As there.
        precision: As there.

    Raises:
        UserError: No such model, or an engine, a device or a precision that it cannot have.
    """
    return find_to_open(source, engine=engine, device=device, precision=precision).open()


def find_to_open(
    source: str | Path,
    *,
    engine: EngineName = "auto",
    device: str = "auto",
    precision: Precision = "auto",
) -> Found:
    """Find a model to score pictures with: it is fetched or imported if need be, but not yet converted.

    Args:
        source: What `find_model` takes, or an exported .xml or .onnx file.
        engine: As in `make_engine`; an exported file has its own.
        device: As in `make_engine`.
        precision: As in `make_engine`.

    Raises:
        UserError: No such model, or an engine, a device or a precision that it cannot have.
    """
    source = checked_source("model", source)
    check_type("engine", engine, str, f"one of {', '.join(ENGINE_NAMES)}")
    check_type("device", device, (str, torch.device), f"one of {DEVICE_NAMES}")
    check_choice("precision", precision, get_args(Precision))
    path = Path(source)
    if is_exported(path):
        refuse_other_engine(source, engine)
        with _loading(source):
            scorer, note = open_file(path, device=device, precision=precision)
        # Weights of .xml files alone are beside them; a .bin beside an .onnx is another model's.
        fingerprint = digest([*([path.with_suffix(".bin")] if path.suffix == ".xml" else []), path])
        opened = Opened(scorer, note.config, note.labels, fingerprint, None, note.tasks, OF_FILES)
        return Found(note.config, note.labels, note.tasks, lambda: opened)
    # Before a model is fetched for it.
    if chosen_engine(engine, device, precision) == "openvino":
        OpenVINOEngine.check(device, precision)
    else:
        choose_device(device)
    folder = find_model(source)
    labels, tasks = read_labels(folder / LABELS)

    def ready() -> Opened:
        if engine == "compile":
            _say_compiling()
        with _loading(source, folder):
            return _opened(folder, engine, device, precision)

    return Found(read_config(folder / CONFIG), labels, tasks, ready)


def open_file(path: Path, *, device: str = "auto", precision: Precision = "auto") -> tuple[TaskEngine, Note]:
    """Open a file that somebody exported, as `open_exported` does, with an engine that advises no other.

    Raises:
        UserError: As `open_exported`.
    """
    scorer, note = open_exported(path, device=device, precision=precision)
    cast(Any, scorer).of_file = True
    return scorer, note


def checked_source(name: str, source: str | Path) -> str | Path:
    """Return what names a model, with a home folder for a "~" at its beginning.

    Args:
        name: The argument.
        source: What it is given.

    Raises:
        UserError: It is neither a text nor a path, or empty.
    """
    check_type(name, source, (str, Path), "a model folder, a published checkpoint's name, a hub id or an exported file")
    require(source != "", f"{name} is empty: name one")
    return expanded_source(source)


def _loading(source: str | Path, folder: Path | None = None) -> AbstractContextManager[object]:
    return working(f"loading {source}", shown=leads() and not (folder and _in_log_already(folder)))


def _in_log_already(folder: Path) -> bool:
    """Return whether a log says already that a model is converted, and how long that takes; a terminal shows more."""
    return bool(ANNOUNCED) and untempered_fingerprint(folder) in ANNOUNCED and not sys.stderr.isatty()


def _say_compiling() -> None:
    """Say that an engine is going to be silent for long, and when."""
    if leads():
        print(
            "engine compile: PyTorch compiles the network for each size of picture, a minute or more each",
            file=sys.stderr,
        )


def _opened(folder: Path, engine: EngineName, device: str, precision: Precision) -> Opened:
    fingerprint, converted = fingerprint_of(folder), untempered_fingerprint(folder)
    name, why = _chosen(engine, converted, device, precision)
    if name == "openvino":
        installed()
        kept = kept_file(converted)
        try:
            scorer, note = _from_cache(kept, folder, device, precision)
        except ConversionError as error:
            if engine != "auto":
                raise
            why = error.reason
        else:
            # It may have been converted when the model had others, or none.
            temperatures = read_config(folder / CONFIG).temperatures
            cast(Any, scorer).temperatures = temperatures
            config = replace(note.config, temperatures=temperatures)
            if engine == "auto":
                scorer = FittingEngine(scorer, lambda: _engine(load_model(folder), "torch", device, precision))
            return Opened(scorer, config, note.labels, fingerprint, folder, note.tasks, why, converted)
    model = load_model(folder)
    # Where OpenVINO would be tried first, it has been, or torch was measured as faster.
    tried = engine == "auto" and chosen_engine(engine, device, precision) == "openvino"
    scorer = _engine(model, "torch" if tried else engine, device, precision)
    return Opened(scorer, model.config, model.labels, fingerprint, folder, model.tasks, why, converted)


def _chosen(engine: EngineName, fingerprint: str, device: str, precision: Precision) -> tuple[str, str]:
    """Return the engine to take first, and why: what was measured here has the last word where there is a choice."""
    name = chosen_engine(engine, device, precision)
    if engine != "auto":
        return name, "it was asked for"
    measured = recall(fingerprint, choose_precision(torch.device("cpu"), precision)) if name == "openvino" else None
    if measured is None:
        return name, why_auto(device, precision)
    if measured.engine == "torch" and leads():
        print(f"engine auto: torch, {measured.describe()}", file=sys.stderr)
    return measured.engine, measured.describe()


def _engine(model: Model, engine: EngineName, device: str, precision: Precision) -> TaskEngine:
    return make_engine(model.network, model.config.preprocessing, engine=engine, device=device, precision=precision)


def _from_cache(kept: Path, folder: Path, device: str, precision: Precision) -> tuple[TaskEngine, Note]:
    """Return the engine of a converted model, which is converted first if it isn't there, or is damaged."""
    # Wrong wishes are refused before a network is converted for them, or what was converted is taken for damaged.
    OpenVINOEngine.check(device, precision)
    if kept.is_file():
        try:
            result = open_exported(kept, device=device, precision=precision)
        except UserError:
            shutil.rmtree(kept.parent, ignore_errors=True)
        else:
            with suppress(OSError):
                os.utime(kept.parent)
            return result
    refused = kept.with_name(REFUSED)
    if refused.is_file():
        raise ConversionError(refused.read_text(encoding="utf-8"))
    text = f"converting for OpenVINO, {time_to_convert(folder)}; this is kept for the next time"
    with working(text, shown=leads() and not _in_log_already(folder)):
        began, others = time.monotonic(), crowding()
        try:
            export_model(load_model(folder), kept, "openvino")
            note_time(folder, (time.monotonic() - began) / others)
        except ConversionError as error:
            if not isinstance(error.__cause__, (MemoryError, OSError)):  # of the machine, not of the network
                write_text(refused, error.reason)
                make_room(kept.parent.parent, KEPT)
            raise
    make_room(kept.parent.parent, KEPT)
    return open_exported(kept, device=device, precision=precision)
