"""Which engine was the fastest for a model on this machine, as `sceneparse bench` measured it: what `auto` takes."""

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from sceneparse.files import cache_folder, write_json
from sceneparse.processes.machine import usable_cores
from sceneparse.processor import told_of_processor
from sceneparse.settings import Precision
from sceneparse.version import __version__

CANDIDATES = ("openvino", "torch")
"""What `auto` chooses from on a CPU; the first is what it takes unless the other was measurably faster."""

ALIKE = 1.05
"""Times that differ by less than this factor are alike."""


@dataclass(frozen=True)
class Measurement:
    """What a measurement found.

    Args:
        ms: Milliseconds for a picture, by engine.
        size: The picture's height and width.
        day: When it was measured, such as 2026-11-28.
    """

    ms: Mapping[str, float]
    size: tuple[int, int]
    day: str

    @property
    def engine(self) -> str:
        """The engine to take."""
        usual, other = CANDIDATES
        return other if self.ms[other] * ALIKE < self.ms[usual] else usual

    def describe(self) -> str:
        """Describe in a line what was measured, and when."""
        times = ", ".join(f"{engine} {self.ms[engine]:.3g} ms" for engine in CANDIDATES)
        return f"measured here by bench on {self.day}: {times} for a picture of {self.size[1]}×{self.size[0]}"


def remember(fingerprint: str, precision: str, ms: Mapping[str, float], size: tuple[int, int]) -> None:
    """Keep what was measured, for this model, machine and versions alone; not unless both engines were measured.

    Args:
        fingerprint: The model's (`conversions.untempered_fingerprint`).
        precision: What both computed in.
        ms: Milliseconds for a picture, by engine.
        size: The picture's height and width.
    """
    if all(engine in ms for engine in CANDIDATES):
        found = Measurement({engine: ms[engine] for engine in CANDIDATES}, size, date.today().isoformat())
        write_json(_file(fingerprint, precision), asdict(found))


def recall(fingerprint: str, precision: Precision | str) -> Measurement | None:
    """Return what was measured for this model on this machine with these versions; None where nothing was.

    Args:
        fingerprint: The model's.
        precision: What will be computed in.
    """
    try:
        said = json.loads(_file(fingerprint, precision).read_text(encoding="utf-8"))
        height, width = said["size"]
        return Measurement({name: float(said["ms"][name]) for name in CANDIDATES}, (height, width), str(said["day"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _file(fingerprint: str, precision: str) -> Path:
    packages = [version(name) if find_spec(name) else "" for name in ("torch", "openvino")]
    facts = (fingerprint, precision, machine(), __version__, *packages)
    return cache_folder() / "measured" / f"{hashlib.sha256(' '.join(facts).encode()).hexdigest()[:32]}.json"


def machine() -> str:
    """Return the processor's model, and how many of its cores this process has: what a time was measured on."""
    model = told_of_processor("model name") or platform.processor() or platform.machine()
    return f"{model}, {usable_cores()} cores, {os.environ.get('OMP_NUM_THREADS', 'all')} threads"
