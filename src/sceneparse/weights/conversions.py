"""Networks that were converted for OpenVINO, kept for the next time; known before PyTorch is loaded."""

import hashlib
import json
import os
import sys
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from sceneparse.files import cache_folder, json_text, write_text
from sceneparse.progress import roughly_between
from sceneparse.settings import Precision
from sceneparse.settings.device import may_have_cuda
from sceneparse.settings.engine import TORCH_ALONE, EngineName
from sceneparse.version import __version__
from sceneparse.weights.config import CONFIG, LABELS, TEMPERATURES, WEIGHTS
from sceneparse.weights.measured import machine, recall

REFUSED = "refused.txt"
"""What stands in a converted model's stead where OpenVINO does not take it: why, found out once."""

LAYOUT = 4
"""Raised when exported files give or say more than those of before, so that none of these is taken from the cache."""

BEFORE, PER_MIB = 10.0, 0.05
"""Seconds that a conversion takes, and more of them for each MiB of weights, roughly, on two cores."""

ANNOUNCED: set[str] = set()
"""Fingerprints of networks whose conversion a command has announced: a log need not hold it twice."""

LAST = 9
"""So many conversions' times are kept."""

UNKNOWN, FEW, SEVERAL = (0.4, 2.5), (0.6, 1.7), (0.8, 1.25)
"""Times as long as expected, at least and at most: where none was converted yet; as the fastest and the slowest, where
one or two were, or more. What a network is built of makes up as much: its weights alone don't say it."""


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
    """Return in words between which times a model folder's network is converted here, by those that were."""
    paces, usual = _paces(), BEFORE + PER_MIB * _mib(folder)
    low, high = (FEW if len(paces) < 3 else SEVERAL) if paces else UNKNOWN
    slowest = usual * high * max(paces, default=1.0) * crowding()  # for which others may also make room soon
    return roughly_between(usual * low * min(paces, default=1.0), slowest)


def crowding() -> float:
    """Return how many times as long computing takes since other processes compute too, by the last minute's load."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return max(1.0, (load + 1) / (os.cpu_count() or 1))


def seconds_to_convert(mib: float) -> float:
    """Return roughly how long a network takes to be converted here: as those before did, by its size.

    Args:
        mib: Of its weights.
    """
    return median(_paces() or [1.0]) * (BEFORE + PER_MIB * mib)


def note_time(folder: Path, seconds: float) -> None:
    """Keep how long a conversion took, by which the next one's time is told.

    Args:
        folder: The model folder.
        seconds: How long it took, divided by `crowding` when it began.
    """
    paces = [*_paces(), seconds / (BEFORE + PER_MIB * _mib(folder))][-LAST:]
    write_text(_kept_times(), "".join(f"{pace:.3f}\n" for pace in paces))


def _paces() -> list[float]:
    """How many times as long as expected the last conversions took here."""
    try:
        return [float(line) for line in _kept_times().read_text(encoding="ascii").splitlines()]
    except (OSError, ValueError):
        return []


def _kept_times() -> Path:
    """The file in the cache with a line for each of the last conversions on this machine, the last one last."""
    return cache_folder() / "measured" / f"conversions-{hashlib.sha256(machine().encode()).hexdigest()[:16]}.txt"


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
