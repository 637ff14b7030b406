"""The model that a training starts from: where it is, and which one exactly."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sceneparse.errors import UserError
from sceneparse.training.init.beforehand import fingerprints, same_model
from sceneparse.weights.foreign import is_foreign
from sceneparse.weights.importing.checkpoint import ImportedBackbone, import_as_it_is
from sceneparse.weights.importing.folders import files_read
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
        imported: Of a checkpoint that is imported for this training: what it was recognised as, and what was taken for
            granted, a line each.
        classes: Of such a one: where the names of its classes are from.
    """

    name: str
    what: str
    sha256: str
    model: Model
    imported: tuple[str, ...] = ()
    classes: str = ""


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
        what = "model folder" if path.is_dir() else "model"
        theirs = _digest(files_read(path)) if path.is_dir() and is_foreign(path) else None
        return _of_folder(name, what, find_model(name), sha256, theirs)
    found = same_model(name, sha256, _digest(files_read(path)), _digest([path]))
    imported = import_as_it_is(path)
    if isinstance(imported, ImportedBackbone):
        raise UserError(
            f"{name}: holds a bare backbone ({imported.name}), not a model: import it and give it as backbone.weights"
        )
    lines = tuple(imported.describe_as_it_is(path))
    return Source(name, f"checkpoint of {imported.family}", found, imported.model, lines, imported.classes)


def _of_folder(name: str, what: str, folder: Path, sha256: str | None, theirs: str | None = None) -> Source:
    """Open a model folder.

    Args:
        name: As it was asked for.
        what: What it is, for people.
        folder: The folder.
        sha256: What its hash must be; None takes any.
        theirs: The hash of another library's files, of which the folder was made; None for one of ours.
    """
    own = fingerprints(folder)
    found = same_model(name, sha256, *(own if theirs is None else (theirs, *own)))
    return Source(name, what, found, load_model(folder))


def _digest(paths: Sequence[Path]) -> str:
    """Return the SHA-256 of a file, or SHA-256 over those of several."""
    digests = []
    for path in paths:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256"))
    return digests[0].hexdigest() if len(digests) == 1 else hashlib.sha256(b"".join(map(_raw, digests))).hexdigest()


def _raw(digest: "hashlib._Hash") -> bytes:
    return digest.digest()
