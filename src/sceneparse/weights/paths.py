"""Names that are meant as paths: they are never asked for at the hub, and the nearest folders are named instead."""

from difflib import get_close_matches
from pathlib import Path

from sceneparse.paths import expanded, written_as_path
from sceneparse.settings.engine import EXPORTED_SUFFIXES

TORCH, SAFE, CAFFE = (".pth", ".pt", ".ckpt", ".tar", ".bin", ".pkl"), ".safetensors", ".caffemodel"
"""How files of checkpoints of each kind end."""

PROCESSOR, ALBUMENTATIONS = "preprocessor_config.json", "albumentations_config_eval.json"
"""What transformers' `save_pretrained` writes, and albumentations' beside a network of segmentation_models_pytorch: how
pictures are prepared."""

CHECKPOINT_FILES = (*TORCH, SAFE, CAFFE)
"""How files of checkpoints end: what ends so is no hub id."""

SUFFIXES = (*CHECKPOINT_FILES, *EXPORTED_SUFFIXES.values(), ".yaml", ".yml")
"""How files end that somebody may give for a model."""


OURS = ("runs", "sweeps")
"""Folders that trainings are written to."""


def looks_like_path(source: str) -> bool:
    """Return whether a text that names nothing here was meant as a path, though it may have the form of a hub id.

    Args:
        source: Such as "./model", "~/model", "C:/model", "runs/mine/model" or "net.pth"; "user/name" too where a folder
            here is called user.
    """
    if written_as_path(source):
        return True
    first, *others = source.split("/")
    return source.lower().endswith(SUFFIXES) or (bool(others) and (first in OURS or _is_dir(first)))


def near_folders(source: str) -> str:
    """Return in brackets the folders that are most like one that there is not, or those where it would be.

    Args:
        source: The path that was given; what is missing of it may be any of its names.
    """
    path = expanded(source)
    missing = [path.name]
    parent = path.parent
    while not _is_dir(parent) and parent != parent.parent:
        missing.insert(0, parent.name)
        parent = parent.parent
    hidden = missing[0].startswith(".")
    names = sorted(one.name for one in _folders(parent) if one.name.startswith(".") == hidden)
    near = [_further(parent / name, missing[1:]) for name in get_close_matches(missing[0], names, n=3)]
    if near:
        return f" (near: {', '.join(map(str, near))})"
    if parent == Path() or parent == parent.parent:
        return ""
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return f" ({parent} has {shown})" if names else f" ({parent} has no folder in it)"


def _further(folder: Path, names: list[str]) -> Path:
    """Return the folder below one that has the further names or the ones most like them, as far as there are any."""
    for name in names:
        near = get_close_matches(name, [one.name for one in _folders(folder)], n=1)
        if not near:
            break
        folder /= near[0]
    return folder


def _folders(parent: Path) -> list[Path]:
    try:
        return [one for one in parent.iterdir() if one.is_dir()]
    except OSError:
        return []


def _is_dir(path: str | Path) -> bool:
    try:
        return Path(path).is_dir()
    except OSError:  # a name that is too long for any folder
        return False
