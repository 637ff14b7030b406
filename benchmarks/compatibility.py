"""Compares two commits bit by bit: what they train, resume, parse, score, export and say.

    git worktree add /tmp/old 634fde6
    python benchmarks/compatibility.py /tmp/old            about ten minutes on two cores
    python benchmarks/compatibility.py --quick             this checkout with itself: what one model parses

Both commits run on this machine, one after the other, by their public commands and names alone, on the recipes, model
folders and pictures of tests/compatibility. Then every file is compared: arrays and tensors by their bits, JSON but for
times. Prints a table and exits with 1 if anything differs. Without an old checkout this one is run twice: a commit
repeats itself.
"""

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from command_line import command_line, parsed, write_figures

CHECKOUT = Path(__file__).resolve().parents[1]
STORED = CHECKOUT / "tests" / "compatibility" / "634fde6"
MODELS = ("pspnet", "upernet_unified", "upernet", "upernet_concat", "fcn", "deeplabv3", "pspnet_multilabel")
QUICK = MODELS[:1]
DATA = {"upernet_concat": "data", "fcn": "data/parquet", "deeplabv3": "data/volumes", "pspnet_multilabel": "data/left"}
TOY = ["toy-pspnet", "toy-fcn", "toy-unified"]
SHORT = ["training.batch=4", "training.validate_count=2", "training.log_every=1", "data.workers=0"]
TIMES = ("seconds", "took_seconds", "images_per_second", "pictures_per_second", "modified_ns", "minutes", "facts")
FORMATS = {"onnx": ".onnx", "openvino": ".xml"}


def produce(out: Path, quick: bool) -> None:
    """Everything that is compared, by the sceneparse that is on the path. Runs in a process of its own."""
    import sceneparse

    print(f"{sceneparse.__file__}", flush=True)
    names = QUICK if quick else MODELS
    os.chdir(STORED)
    _parses(out, names)
    _logits(out, names)
    if not quick:
        _trainings(out, names)
        _scores(out, names, ("semseg", "csail"))
        _exports(out)
        command("sweep", "recipes/sweep.yaml", "--out", copied("sweep/stopped", out / "sweep"))
        _helps(out / "help")


def _helps(out: Path) -> None:
    """Help of all verbs that the first lines name."""
    out.mkdir()
    for path in sorted((STORED / "help").glob("*.txt")):
        verb = [] if path.stem == "sceneparse" else path.stem.replace("data-", "data ", 1).split()
        (out / path.name).write_text(command(*verb, "--help"))


def command(*words: str | Path) -> str:
    """Run `sceneparse …`; what it printed."""
    done = subprocess.run([sys.executable, "-m", "sceneparse.cli", *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"sceneparse {' '.join(map(str, words))}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def copied(name: str, where: Path) -> Path:
    """A copy of something stored, that may be changed."""
    return Path(shutil.copytree(STORED / name, where))


def _pictures() -> list[Path]:
    return sorted((STORED / "pictures").glob("*.png"))


def _parses(out: Path, names: tuple[str, ...]) -> None:
    """Label maps, confidences, overlays and JSON of the stored models, and of the stored ONNX file."""
    import sceneparse

    for name in names:
        if name == "deeplabv3":  # of volumes
            command("predict", f"models/{name}", "data/volumes/val/val0", "--engine", "torch", "--out", out / "volumes")
            continue
        for precision in ("float32", "bfloat16"):
            parser = sceneparse.load(f"models/{name}", engine="torch", device="cpu", precision=precision)
            _save(parser, out / "parses" / precision / name)
    _save(sceneparse.load("exported/fcn.onnx", precision="float32"), out / "parses" / "fcn.onnx")


def _save(parser: Any, folder: Path) -> None:
    for path in _pictures():
        parse = parser(path)
        parse.save(folder, path.stem)
        maps = {name: getattr(parse, name) for name in ("parts", "material", "texture")}
        known = {name: values for name, values in maps.items() if values is not None}
        np.savez(folder / f"{path.stem}.npz", labels=parse.labels, confidence=parse.confidence, **known)


def _logits(out: Path, names: tuple[str, ...]) -> None:
    """What the bare networks give, by the stored weights."""
    import torch
    from safetensors.torch import load_file

    import sceneparse

    (out / "logits").mkdir()
    generator = torch.Generator().manual_seed(0)
    for name in names:
        folder = STORED / "models" / name
        config = json.loads((folder / "config.json").read_text())
        recipe = out / "recipe.yaml"  # JSON is YAML
        kept = {key: config[key] for key in ("backbone", "network", "preprocessing")}
        recipe.write_text(json.dumps(kept | {"data": {"kind": "toyworld"}}))
        settings = sceneparse.read_recipe(recipe)
        labels = json.loads((folder / "labels.json").read_text())
        classes = labels.get("objects", labels)["names"]  # a unified model has the tasks one after the other
        network = sceneparse.build(settings.backbone, settings.network, len(classes))
        network.load_state_dict(load_file(folder / "model.safetensors"))
        images = torch.randn(2, config["backbone"]["in_channels"], 67, 90, generator=generator)
        with torch.inference_mode():
            found = dict(_tensors(network.eval()(images)))
        np.savez(out / "logits" / f"{name}.npz", **{str(key): value.numpy() for key, value in found.items()})


def _tensors(value: Any, name: str = "0") -> Iterator[tuple[str, Any]]:
    """All tensors in what a network gives, numbered in their order: their names may change."""
    if hasattr(value, "numpy"):
        yield name, value
        return
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = [getattr(value, field.name) for field in dataclasses.fields(value)]
    if isinstance(value, dict):
        value = list(value.values())
    for number, item in enumerate(value if isinstance(value, list | tuple) else ()):
        yield from _tensors(item, f"{name}.{number}")


def _scores(out: Path, names: tuple[str, ...], protocols: tuple[str, ...]) -> None:
    """metrics.json of the stored models, and of one under other protocols, which enlarge its pictures."""
    for name in names:
        data = ["--data", DATA[name]] if name in DATA else []
        split = ["--split", "val"] if name == "upernet_concat" else []
        where: list[str | Path] = ["--engine", "torch", "--precision", "float32", "--out", out / "scores" / name]
        command("evaluate", f"models/{name}", *data, *split, *where)
    for protocol in protocols:
        where = ["--count", "2", "--engine", "torch", "--out", out / "scores" / protocol]
        command("evaluate", "models/pspnet", "--protocol", protocol, *where)


def _trainings(out: Path, names: tuple[str, ...]) -> None:
    """Trainings from their beginning, and one that an earlier commit had stopped half way."""
    length = ["training.iterations=20", "training.validate_every=0", *SHORT]
    words = [f"--{setting}" for setting in length]
    for name in names:
        # Volumes of two channels have no colours: the old commit did nothing with it, later ones refuse it.
        without = ["--augmentation.color=0"] if name == "deeplabv3" else []
        command("train", f"recipes/{name}.yaml", "--out", out / "trained" / name, *words, *without)
    for name in TOY:
        command("train", name, "--out", out / "trained" / name, *words, "--data.size=64", "--augmentation.crop=[64,64]")
    run = copied("run/stopped", out / "resumed")
    command("train", "recipes/going-on.yaml", "--resume", "--out", run)


def _exports(out: Path) -> None:
    """What exported files of the stored models answer: the files themselves hold names of modules."""
    import sceneparse

    for name in ("pspnet", "upernet_unified"):
        for form, suffix in FORMATS.items():
            file = out / f"{name}-{form}{suffix}"
            command("export", f"models/{name}", "--format", form, "--out", file)
            _save(sceneparse.load(file, precision="float32"), out / "exports" / form / name)


@dataclasses.dataclass(frozen=True)
class Row:
    """How two files compare: what they are, and how they differ, None if they don't."""

    what: str
    difference: str | None


def compare(old: Path, new: Path) -> list[Row]:
    """Compare every file of two folders, but for those that hold times or names of modules alone."""
    rows = []
    files = {path.relative_to(root) for root in (old, new) for path in root.rglob("*") if path.is_file()}
    for file in sorted(path for path in files if not _ignored(path)):
        first, second = old / file, new / file
        if not first.exists() or not second.exists():
            rows.append(Row(str(file), f"missing in the {'old' if second.exists() else 'new'} commit"))
            continue
        rows.append(Row(str(file), _difference(first, second)))
    return rows


def _ignored(file: Path) -> bool:
    """Logs, curves and reports hold times; an exported file holds names of modules; recipes say where they lie."""
    if {"tensorboard", ".cache"} & set(file.parts) or file.name in (
        "run.json",
        "log.txt",
        "report.html",
        "recipe.yaml",
    ):
        return True
    exported = file.suffix in (".onnx", ".xml", ".bin") or (len(file.parts) == 1 and file.suffix == ".json")
    # A model's config.json may name its settings otherwise; what they mean shows in all else.
    return exported or file.name in ("config.json", "README.md", "summary.md", "summary.csv", "summary.png")


def _difference(first: Path, second: Path) -> str | None:
    if first.suffix in (".npz", ".safetensors", ".pt"):
        return _array_difference(_arrays(first), _arrays(second))
    if first.suffix in (".json", ".jsonl"):
        old, new = ([_timeless(json.loads(part)) for part in _documents(path)] for path in (first, second))
        return _value_difference(old, new, "")
    if first.read_bytes() == second.read_bytes():
        return None
    if first.suffix == ".png":
        from PIL import Image

        one, other = (np.asarray(Image.open(path)) for path in (first, second))
        return _array_difference({"pixels": one}, {"pixels": other}) or "the files' bytes, not the pixels"
    return "bytes"


def _documents(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return text.splitlines() if path.suffix == ".jsonl" else [text]


def _arrays(path: Path) -> dict[str, Any]:
    """All arrays in a file, by name; of a checkpoint the plain values too."""
    if path.suffix == ".npz":
        with np.load(path) as content:
            return dict(content)
    if path.suffix == ".safetensors":
        from safetensors.numpy import load_file

        return dict(load_file(path))
    import torch

    found: dict[str, Any] = {}

    def collect(value: Any, name: str) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                collect(item, f"{name}.{key}")
        elif isinstance(value, list | tuple):
            for key, item in enumerate(value):
                collect(item, f"{name}.{key}")
        elif not any(time in name for time in (*TIMES, "metrics_bytes")):
            found[name] = value.numpy() if isinstance(value, torch.Tensor) else value

    collect(torch.load(path, map_location="cpu", weights_only=True), "")
    return found


def _array_difference(old: dict[str, Any], new: dict[str, Any]) -> str | None:
    if old.keys() != new.keys():
        return f"names, such as {sorted(old.keys() ^ new.keys(), key=str)[0]}"
    worst: list[tuple[float, str]] = []
    for name, value in old.items():
        first, second = np.asarray(value), np.asarray(new[name])
        if first.dtype != second.dtype or first.shape != second.shape:
            return f"{name}: {first.dtype} {first.shape} was, {second.dtype} {second.shape} is"
        if first.tobytes() != second.tobytes():
            if first.dtype.kind not in "fiub":
                return f"{name}: {value!r} was, {new[name]!r} is"
            apart = np.abs(first.astype(np.float64) - second.astype(np.float64))
            worst.append((float(apart.max()), f"{name}: {int((apart != 0).sum())} of {apart.size} values"))
    if not worst:
        return None
    most, where = max(worst)
    return f"{len(worst)} of {len(old)} arrays, by up to {most:.1e} ({where})"


def _timeless(value: Any) -> Any:
    """JSON without times, and without the paths of what was made."""
    if isinstance(value, dict):
        left_out = (*TIMES, "file", "model_sha256")
        return {key: _timeless(item) for key, item in value.items() if key not in left_out}
    return [_timeless(item) for item in value] if isinstance(value, list) else value


def _value_difference(old: Any, new: Any, name: str) -> str | None:
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        pairs = [(f"{name}.{key}", old[key], new[key]) for key in old]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = [(f"{name}[{key}]", one, other) for key, (one, other) in enumerate(zip(old, new, strict=True))]
    else:
        same = type(old) is type(new) and old == new
        return None if same else f"{name.lstrip('.')}: {str(old)[:60]} was, {str(new)[:60]} is"
    found = [difference for key, one, other in pairs if (difference := _value_difference(one, other, key))]
    return found[0] if found else None


def print_table(rows: list[Row]) -> None:
    """A line for each folder whose files are all equal, and one for each file that differs."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(str(Path(row.what).parent), []).append(row)
    width = max(len(row.what) for row in rows)
    for group, members in groups.items():
        differing = [row for row in members if row.difference]
        equal = len(members) - len(differing)
        if equal:
            print(f"{group:<{width}}  equal: {equal} file{'s' * (equal != 1)}")
        for row in differing:
            print(f"{row.what:<{width}}  DIFFERS: {row.difference}")
    count = sum(row.difference is not None for row in rows)
    print(f"{len(rows)} files compared, {count} differ")


def main() -> int:
    """Run both commits and compare."""
    parser = command_line(__doc__)
    parser.add_argument(
        "old",
        type=Path,
        nargs="?",
        default=CHECKOUT,
        metavar="OLD_CHECKOUT",
        help="a checkout of the commit to compare with (default: this one)",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep what both made, in DIR/old and DIR/new")
    parser.add_argument("--produce", type=Path, help=argparse.SUPPRESS)
    arguments = parsed(parser, {})
    if arguments.produce:
        produce(arguments.produce, arguments.quick)
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.out or Path(temporary)).resolve()
        for name, checkout in (("old", arguments.old.resolve()), ("new", CHECKOUT)):
            if not (checkout / "src" / "sceneparse").is_dir():
                sys.exit(f"{checkout}: no checkout of sceneparse (there is no src/sceneparse in it)")
            _produce_by(checkout, folder / name, arguments.quick)
        rows = compare(folder / "old", folder / "new")
    write_figures([dataclasses.asdict(row) for row in rows], arguments.json, lambda: print_table(rows))
    return 1 if any(row.difference for row in rows) else 0


def _produce_by(checkout: Path, out: Path, quick: bool) -> None:
    """Let a commit make everything, with one thread, in a folder of its own."""
    out.mkdir(parents=True)
    caches = {name: str(out / ".cache" / name) for name in ("SCENEPARSE_CACHE", "HF_DATASETS_CACHE")}
    own = {"PYTHONPATH": str(checkout / "src"), "OMP_NUM_THREADS": "1", "COLUMNS": "100", "NO_COLOR": "1"}
    words = [sys.executable, __file__, str(checkout), "--produce", str(out), *(["--quick"] if quick else [])]
    if subprocess.run(words, env=os.environ | caches | own).returncode:
        sys.exit(f"{checkout}: it could not make what is compared; see the lines above")


if __name__ == "__main__":
    sys.exit(main())
