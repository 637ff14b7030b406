"""What commit 634fde6 wrote, and how what is made of it now is compared; `make.py` says how it came about."""

import dataclasses
import gzip
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.support.forked import COMMAND, started

STORED = Path(__file__).parent / "634fde6"

TIES = 4
"""Pixels of a label map that may differ: two classes may be within rounding of each other on another processor."""

MOVED: dict[str, str] = {
    "data.size": "data.toyworld.size",
    "data.train_count": "data.toyworld.train_count",
    "data.eval_count": "data.toyworld.eval_count",
    "data.columns": "data.huggingface.columns",
    "data.subset": "data.huggingface.subset",
    "data.modalities": "data.nifti.modalities",
    "data.truth": "data.nifti.truth",
    "data.empty_slices": "data.nifti.empty_slices",
    "data.classes": "data.classes.file",
}
"""Settings that have other names now, as "data.size": "data.toyworld.size"; a group's name moves all that is in it."""

ADDED: dict[str, Any] = {
    "data.options": {},
    "protocol.antialias": None,
    "protocol.upsampling": None,
    "data.nifti.grids": "equal",
    "data.nifti.windows": {},
    "data.classes.merge": {},
    "data.classes.drop": [],
    "data.classes.rename": {},
    "data.classes.mirror": [],
    "data.classes.colors": {},
    "data.orientation": "apply",
    "data.range": None,
    "data.camera": None,
    "data.augment_on": "host",
    "network.options": {},
    "loss.options": {},
    "loss.kind": "cross_entropy",
    "loss.class_weights_end": 1.0,
    "backbone.sides": "padded",
    "backbone.norm_eps": None,
    "backbone.blocks": None,
    "backbone.neck": None,
    "backbone.final_norm": False,
    "backbone.final_norm_on": "all",
    "backbone.drop_path": 0.0,
    "backbone.frozen": "none",
    "network.head_dilation": 1,
    "network.concat_stages": False,
    "network.project": True,
    "network.layers": 1,
    "network.threshold": 0.5,
    "optimizer.layer_decay": 1.0,
    "optimizer.new_factor": 1.0,
    "optimizer.schedule": "poly",
    "optimizer.schedule_options": {},
    "optimizer.floor": 0.0,
    "optimizer.rise": 0.3,
    "optimizer.start": 0.04,
    "optimizer.milestones": [],
    "optimizer.factor": 0.1,
    "training.minutes": None,
    "training.patience": None,
    "training.min_delta": 0.0,
    "training.average.decay": None,
    "training.average.every": 1,
    "init.model": None,
    "init.classes": {},
    "init.classes_file": None,
    "init.adopt": "unseen",
    "init.sha256": None,
    "protocol.blend": None,
    "augmentation.ratio_range": [1.0, 1.0],
    "augmentation.cat_max_ratio": 1.0,
    "augmentation.photometric": False,
    "augmentation.copy_paste": 0.0,
    "augmentation.copy_paste_classes": [],
    "augmentation.copy_paste_regions": False,
    "sampling.repeat_threshold": 0.0,
    "sampling.rare_crops": 0.0,
    "sampling.temperature": 0.01,
    "training.activation_checkpointing": False,
    "training.compile": False,
    "training.graph": False,
    "training.decided": None,
    "tracking.trackers": [],
    "tracking.project": None,
    "tracking.name": None,
}
"""Settings that did not exist, with the value that means what was done before, as "loss.kind": "cross_entropy"."""

METRICS_ADDED = frozenset(
    {"model", "recipe", "kind", "split", "folder", "data_options", "untempered_sha256", "engine", "precision", "notes"}
)
"""What metrics.json did not say: which data and which model it is of, and what computed it."""

REMOVED: frozenset[str] = frozenset()
"""Settings that are gone."""

WITHOUT_EFFECT_ON_RESULTS = frozenset({"data.workers"})
"""Settings on which no result depends, so that the package's recipes may give them other values."""


def run(*words: str | Path, folder: Path = STORED, cache: Path) -> str:
    """Run `sceneparse …` in a folder; what it printed.

    Args:
        words: The verb and its arguments.
        folder: The current folder, to which the recipes' paths are relative.
        cache: Where what is kept for the next time goes.
    """
    caches = {name: str(cache / name) for name in ("SCENEPARSE_CACHE", "HF_DATASETS_CACHE")}
    own = caches | {"OMP_NUM_THREADS": "1", "COLUMNS": "100", "NO_COLOR": "1"}
    with tempfile.TemporaryDirectory() as temporary:
        said = Path(temporary) / "said.out"
        process = started(COMMAND, [str(word) for word in words], said, own, folder)
        process.join()
        printed = said.read_text()
        assert process.exitcode == 0, printed + said.with_suffix(".err").read_text()
    return printed


def read(path: Path) -> Any:
    """The content of a JSON file, packed (.json.gz) or not."""
    content = path.read_bytes()
    return json.loads(gzip.decompress(content) if path.suffix == ".gz" else content)


def lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a metrics.jsonl without what was measured by a clock."""
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        {key: value for key, value in line.items() if key not in ("seconds", "images_per_second", "wait")}
        for line in found
    ]


def flat(settings: Any) -> dict[str, Any]:
    """Settings by their dotted names; those of the third source of a mixture begin with "data.sources.2."."""
    if dataclasses.is_dataclass(settings) and not isinstance(settings, type):
        settings = dataclasses.asdict(settings)
    found: dict[str, Any] = {}
    _flatten(settings, "", found)
    return found


def _flatten(value: Any, name: str, found: dict[str, Any]) -> None:
    inside: Mapping[Any, Any] = {}
    if isinstance(value, Mapping):
        inside = value
    elif isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
        inside = dict(enumerate(value))
    for key, item in inside.items():
        _flatten(item, f"{name}.{key}" if name else str(key), found)
    if not inside:
        found[name] = list(value) if isinstance(value, tuple) else value


def assert_same_settings(present: Any, before: Any) -> None:
    """Compare settings with those that were stored, by the names that they have now."""
    expected = {_now(name): value for name, value in flat(_used(before)).items() if name not in REMOVED}
    # Recipes have more groups.
    groups = {*before, *(("init", "sampling", "tracking") if "optimizer" in before else ())}
    expected |= {name: value for name, value in ADDED.items() if name.partition(".")[0] in groups}
    sources = before.get("data", {}).get("sources", ())
    expected |= {f"data.sources.{number}.options": {} for number in range(len(sources))}
    found = flat(present)
    different = {
        name: (found.get(name, "missing"), expected.get(name, "missing"))
        for name in (found.keys() | expected.keys()) - WITHOUT_EFFECT_ON_RESULTS
        if found.get(name, "missing") != expected.get(name, "missing")
    }
    assert not different, f"settings differ (now, before): {different}"


def _used(before: Mapping[str, Any]) -> dict[str, Any]:
    """Stored settings, with those that had no effect as they are written now: at their defaults."""
    network = dict(before["network"])
    if network["architecture"].startswith("upernet"):
        network["output_stride"] = 32
    if network["architecture"] == "upernet" and not network["bins"]:
        network["resize_first"] = False
    return {**before, "network": network}


def _now(name: str) -> str:
    for before in sorted(MOVED, key=len, reverse=True):
        if name == before or name.startswith(f"{before}."):
            return MOVED[before] + name[len(before) :]
    return name


def assert_same_parses(found: Path, before: Path) -> None:
    """Compare the files of parses: every label map that was stored, and what the JSON beside it says."""
    maps = sorted(before.glob("*.png"))
    assert maps, f"nothing is stored in {before}"
    for path in maps:
        assert_same_map(found / path.name, path)
    for path in sorted(before.glob("*.json")):
        if path.name not in ("summary.json", "metrics.json"):
            assert_same_json(read(found / path.name), read(path), path.name)


def assert_same_map(found: Path, before: Path) -> None:
    """Compare two label maps, ids and colours."""
    with Image.open(found) as now, Image.open(before) as then:
        assert (now.mode, now.size, now.getpalette()) == (then.mode, then.size, then.getpalette()), found.name
        differ = int((np.asarray(now) != np.asarray(then)).sum())
    assert differ <= TIES, f"{found.name}: {differ} pixels differ"


def assert_same_json(now: Any, before: Any, where: str) -> None:
    """Compare what a parse says, leaving out which file it was made of and letting shares differ by a pixel or two."""
    if isinstance(before, Mapping):
        left_out = {"picture", "model_sha256", "tasks", "tested"}  # the last came later
        assert now.keys() - left_out == before.keys() - left_out, where
        for key in before.keys() - left_out:
            if key == "pixels":
                assert abs(now[key] - before[key]) <= TIES, f"{where}: {key}"
            else:
                assert_same_json(now[key], before[key], f"{where}: {key}")
    elif isinstance(before, list):
        assert len(now) == len(before), where
        for index, (one, other) in enumerate(zip(now, before, strict=True)):
            assert_same_json(one, other, f"{where}[{index}]")
    elif isinstance(before, float):
        assert abs(now - before) <= 2e-3, f"{where}: {now} instead of {before}"
    else:
        assert now == before, f"{where}: {now} instead of {before}"


def assert_same_metrics(now: dict[str, Any], before: dict[str, Any]) -> None:
    """Compare two metrics.json: the same keys, counts but for ties, and figures within 1e-6 where counts are equal."""
    timing = {"seconds", "pictures_per_second"}
    assert now.keys() - METRICS_ADDED == before.keys()
    counts, known = np.array(now["confusion"]), np.array(before["confusion"])
    differ = int(np.abs(counts - known).sum())
    # A pixel that changes its label leaves one cell and enters another.
    assert differ <= 2 * TIES, f"{differ // 2} pixels have other labels"
    limit = 1e-6 if differ == 0 else 1e-2
    for key in before.keys() - timing - {"confusion"}:
        _assert_close(now[key], before[key], limit, key)


def _assert_close(now: Any, before: Any, limit: float, where: str) -> None:
    if isinstance(before, Mapping):
        assert now.keys() == before.keys(), where
        for key in before:
            _assert_close(now[key], before[key], limit, f"{where}.{key}")
    elif isinstance(before, list):
        assert len(now) == len(before), where
        for index, (one, other) in enumerate(zip(now, before, strict=True)):
            _assert_close(one, other, limit, f"{where}[{index}]")
    elif isinstance(before, float):
        assert now is not None and abs(now - before) <= limit, f"{where}: {now} instead of {before}"
    else:
        assert now == before, f"{where}: {now} instead of {before}"
