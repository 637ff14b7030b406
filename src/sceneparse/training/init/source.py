"""The model that a training starts from: where it is, and which one exactly."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sceneparse.errors import UserError
from sceneparse.weights.config import CONFIG, LABELS, WEIGHTS
from sceneparse.weights.importing.checkpoint import ImportedBackbone, import_checkpoint
from sceneparse.weights.model import Model, find_model, load_model
from sceneparse.weights.run_folder import run_folder
from sceneparse.weights.trained import of_training


@dataclass(frozen=True)
class Source:
    """A model to start from.

    Args:
        name: As it was asked for.
        what: What it is, for people.
        sha256: Of its file, or over those of its files.
        model: The network with its settings and classes.
    """

    name: str
    what: str
    sha256: str
    model: Model


def open_source(name: str, sha256: str | None) -> Source:
    """Open a published checkpoint's file, or whatever `find_model` takes.

    Args:
        name: A path, or a name that `find_model` knows.
        sha256: What its hash must be; None takes any.

    Raises:
        UserError: No such model, one that cannot be read, or another than the hash says.
    """
    path = Path(name)
    if path.exists() and (trained := of_training(path)) is not None:
        what = "checkpoint" if path.is_file() else "run folder" if run_folder(path) else "model folder"
        return _of_folder(name, what, trained, sha256)
    if not path.is_file():
        return _of_folder(name, "model folder" if path.is_dir() else "model", find_model(name), sha256)
    found = _same(name, _digest([path]), sha256)
    imported = import_checkpoint(path)
    if isinstance(imported, ImportedBackbone):
        raise UserError(
            f"{name}: holds a bare backbone ({imported.name}), not a model: import it and give it as backbone.weights"
        )
    return Source(name, f"checkpoint of {imported.family}", found, imported.model)


def _of_folder(name: str, what: str, folder: Path, sha256: str | None) -> Source:
    found = _same(name, _digest([folder / WEIGHTS, folder / CONFIG, folder / LABELS]), sha256)
    return Source(name, what, found, load_model(folder))


def _same(name: str, found: str, wanted: str | None) -> str:
    if wanted not in (None, found):
        raise UserError(
            f"{name}: is another model than the recipe names: its SHA-256 is {found}, but init.sha256 is {wanted}"
        )
    return found


def _digest(paths: Sequence[Path]) -> str:
    """Return the SHA-256 of a file, or SHA-256 over those of several."""
    digests = []
    for path in paths:
        if path.is_file():
            with path.open("rb") as file:
                digests.append(hashlib.file_digest(file, "sha256"))
    return digests[0].hexdigest() if len(digests) == 1 else hashlib.sha256(b"".join(map(_raw, digests))).hexdigest()


def _raw(digest: "hashlib._Hash") -> bytes:
    return digest.digest()
