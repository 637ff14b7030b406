"""What is known of a model that lies on this machine before PyTorch, or an exported file's runtime, is loaded."""

import json
import mmap
import re
from html import unescape
from pathlib import Path
from typing import Any

from sceneparse.labels import LabelSpace, TaskLabels
from sceneparse.settings.engine import is_exported
from sceneparse.weights.config import CONFIG, LABELS, ModelConfig, config_from_json, read_config
from sceneparse.weights.foreign import is_foreign
from sceneparse.weights.labels_file import labels_from_json, read_labels
from sceneparse.weights.run_folder import model_folder_of, named, run_folder

NOTE = "sceneparse"
"""Where an exported file keeps what is said of the model, as JSON with the keys `config`, `labels`, `traits` and
`quantized`."""


def folder_at_hand(source: str | Path) -> Path | None:
    """Return the model folder of ours that a folder, or a training's run folder, is opened as.

    Args:
        source: What a command was given.

    Returns:
        The folder; None of a checkpoint, another library's folder and a name, whose model is made or fetched first.
    """
    path = named(Path(source))
    run = run_folder(path)
    folder = path if run is None else model_folder_of(run)
    return None if folder is None or not (folder / CONFIG).is_file() or is_foreign(folder) else folder


def settings_at_hand(source: str | Path) -> ModelConfig | None:
    """Return the settings of a model, as far as they can be read at once; None where they can't.

    Args:
        source: As in `folder_at_hand`, or an exported file.

    Raises:
        UserError: A config.json is damaged.
    """
    path = Path(source)
    if not is_exported(path):
        folder = folder_at_hand(path)
        return None if folder is None else read_config(folder / CONFIG)
    note = _said(path, "config")
    return None if note is None else config_from_json(note, str(path))


def labels_at_hand(source: str | Path) -> tuple[LabelSpace, TaskLabels | None] | None:
    """Return a model's classes and the label spaces of its tasks, as far as they can be read at once; else None.

    Args:
        source: As in `settings_at_hand`.

    Raises:
        UserError: A labels.json is damaged.
    """
    path = Path(source)
    if not is_exported(path):
        folder = folder_at_hand(path)
        return None if folder is None or not (folder / LABELS).is_file() else read_labels(folder / LABELS)
    note = _said(path, "labels")
    return None if note is None else labels_from_json(note, str(path))


def _said(path: Path, key: str) -> Any:
    """What an exported file's note has under a key; None where it can't be read, which whoever opens the file says."""
    try:
        return json.loads(_note_in(path))[key]
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _note_in(path: Path) -> bytes | str:
    """The note in an exported .xml or .onnx file; empty where none is found."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if path.suffix == ".xml":
            found = re.search(rb'<%b value="([^"]*)"' % NOTE.encode(), content)
            return b"" if found is None else unescape(found[1].decode())
        # An entry of ONNX's metadata (protobuf): field 1 is its key, field 2 its value, each after its length.
        entry = b"\x0a%c%b\x12" % (len(NOTE), NOTE.encode())
        position = content.rfind(entry)
        if position < 0:
            return b""
        position += len(entry)
        length = shift = 0
        while True:  # seven bits a byte, the lowest first; the last byte is below 128
            byte, position = content[position], position + 1
            length |= (byte & 127) << shift
            if byte < 128:
                return content[position : position + length]
            shift += 7
