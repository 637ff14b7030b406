"""Networks that were converted for OpenVINO, kept for the next time; known before PyTorch is loaded."""

import hashlib
import json
import sys
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from sceneparse.files import cache_folder, json_text, write_text
from sceneparse.progress import roughly
from sceneparse.settings import Precision
from sceneparse.settings.device import may_have_cuda
from sceneparse.settings.engine import TORCH_ALONE, EngineName
from sceneparse.version import __version__
from sceneparse.weights.config import CONFIG, LABELS, TEMPERATURES, WEIGHTS
from sceneparse.weights.measured import recall

REFUSED = "refused.txt"
"""What stands in a converted model's stead where OpenVINO does not take it: why, found out once."""

LAYOUT = 4
"""Raised when exported files give or say more than those of before, so that none of these is taken from the cache."""

BEFORE, PER_MIB = 10.0, 0.05
"""Seconds that a conversion takes, and more of them for each MiB of weights, roughly, on two cores."""

ANNOUNCED: set[str] = set()
"""Fingerprints of networks whose conversion a command has announced: a log need not hold it twice."""

PACE = "openvino-pace.txt"
"""The file in the cache that says how many times as long the last conversion took here."""


def fingerprint_of(folder: Path) -> str:
    """Return SHA-256 of a model folder's weights, settings and classes: equal for equal models, wherever they lie."""
    return digest([folder / WEIGHTS, folder / CONFIG, folder / LABELS])


def untempered_fingerprint(folder: Path) -> str:
    """Return `fingerprint_of` the model folder without its temperatures: equal where the same is converted.

    A conversion gives logits, which have seen no temperature: whoever fits one need not wait for another conversion.
    """
    try:
        value = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # which is said where the model is read
        return fingerprint_of(folder)
    if value.pop(TEMPERATURES, None) is None:
        return fingerprint_of(folder)
    config = hashlib.sha256(json_text(value).encode()).digest()
    return hashlib.sha256(_of(folder / WEIGHTS) + config + _of(folder / LABELS)).hexdigest()


def digest(paths: list[Path]) -> str:
    """Return SHA-256 over the SHA-256 of files; of those that there are."""
    whole = hashlib.sha256()
    for path in paths:
        if path.is_file():
            whole.update(_of(path))
    return whole.hexdigest()


def _of(path: Path) -> bytes:
    state = path.stat()
    return _of_file(path.resolve(), state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=64)
def _of_file(path: Path, size: int, changed: int) -> bytes:  # noqa: ARG001 - so that a changed file is read again
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def kept_file(fingerprint: str) -> Path:
    """Return where the converted model of that fingerprint is kept, for the versions of the packages that make it."""
    versions = (__version__, LAYOUT, version("torch"), version("openvino"))
    key = hashlib.sha256(" ".join((fingerprint, *map(str, versions))).encode()).hexdigest()[:32]
    return cache_folder() / "openvino" / key / "model.xml"


def time_to_convert(folder: Path) -> str:
    """Return roughly how long a model folder's network takes to be converted here, in words."""
    return roughly(seconds_to_convert(_mib(folder)))


def seconds_to_convert(mib: float) -> float:
    """Return roughly how long a network takes to be converted here: as the last conversion did, by its size.

    Args:
        mib: Of its weights.
    """
    try:
        pace = float((cache_folder() / PACE).read_text(encoding="ascii"))
    except (OSError, ValueError):
        pace = 1.0
    return pace * (BEFORE + PER_MIB * mib)


def note_time(folder: Path, seconds: float) -> None:
    """Keep how long a conversion took, by which the next one's time is told.

    Args:
        folder: The model folder.
        seconds: How long it took.
    """
    write_text(cache_folder() / PACE, f"{seconds / (BEFORE + PER_MIB * _mib(folder)):.3f}\n")


def _mib(folder: Path) -> float:
    return (folder / WEIGHTS).stat().st_size / 2**20


def is_still_to_convert(folder: Path, engine: EngineName, device: str, precision: Precision) -> bool:
    """Return whether opening a model folder surely begins with converting its network.

    Args:
        folder: A model folder of ours.
        engine: As in `make_engine`, like the next ones.
        device: …
        precision: …
    """
    if engine not in ("auto", "openvino") or precision in TORCH_ALONE or not find_spec("openvino"):
        return False
    if engine == "auto" and device != "cpu" and (device != "auto" or _may_have_gpu()):
        return False
    fingerprint = untempered_fingerprint(folder)
    precisions = ("float32", "bfloat16") if precision == "auto" else (precision,)
    measured = [recall(fingerprint, one) for one in precisions] if engine == "auto" else []
    if any(one is not None and one.engine == "torch" for one in measured):
        return False
    kept = kept_file(fingerprint)
    return not kept.is_file() and not kept.with_name(REFUSED).is_file()


def _may_have_gpu() -> bool:
    """Whether PyTorch may find a GPU here, which it alone knows for certain."""
    return sys.platform == "darwin" or "xpu" in version("torch") or may_have_cuda()
