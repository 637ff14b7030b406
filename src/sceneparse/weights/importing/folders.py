"""Which files belong to a checkpoint: the halves of a pair, the parts of weights, and what lies beside them."""

from pathlib import Path

from sceneparse.errors import UserError
from sceneparse.weights.checkpoint_folders import WEIGHTS, decoder_of, pair_in
from sceneparse.weights.importing.processors import processor_of, read_object
from sceneparse.weights.paths import ALBUMENTATIONS

PAIRS_CONFIG, FOLDER = "config.yaml", "folder"
"""What CSAIL's training writes beside its pairs, and under which key of `Checkpoint.meta` the folder's name stands."""


def placed_by(index: Path) -> dict[str, str]:
    """Return in which file each key is, by the index of weights in several files.

    Raises:
        UserError: It doesn't say it.
    """
    placed = read_object(index).get("weight_map")
    if not isinstance(placed, dict) or not all(isinstance(file, str) for file in placed.values()):
        raise UserError(f"{index}: has no weight_map from keys to files; copy it again")
    return placed


def has_config(path: Path) -> bool:
    """Return whether a file is the weights of another library's folder, whose config.json says how they are used."""
    config = path.parent / "config.json"
    return path.name in WEIGHTS and config.is_file() and "format" not in read_object(config)


def files_read(path: Path) -> list[Path]:
    """Return the files that `reading.read_checkpoint` reads of a path, in an order of their own.

    Args:
        path: A file or a folder that there is.

    Raises:
        UserError: A part of it is not there.
    """
    if path.is_file() and (decoder := decoder_of(path)):
        return _with([path, decoder], path.with_name(PAIRS_CONFIG))
    if path.is_file() and not has_config(path):
        return [path]
    folder = path if path.is_dir() else path.parent
    if pair := pair_in(folder):
        return files_read(pair[0])
    return _with(_weights(folder), folder / "config.json", processor_of(folder), folder / ALBUMENTATIONS)


def _weights(folder: Path) -> list[Path]:
    for name in WEIGHTS:
        if (whole := folder / name).is_file():
            return [whole]
        if (index := folder / f"{name}.index.json").is_file():
            return _with([index], *(folder / file for file in sorted(set(placed_by(index).values()))))
    return []


def _with(files: list[Path], *others: Path | None) -> list[Path]:
    return [*files, *(one for one in others if one is not None and one.is_file())]
