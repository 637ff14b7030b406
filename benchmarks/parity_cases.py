"""Recorded cases, and those that are no network: an operator and a protocol."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file
from torch import Tensor

from parity_meaning import HALVES, Wanted
from sceneparse.inference import predict, resolve, scores
from sceneparse.networks import normalize
from sceneparse.networks.exact.precise_pooling import precise_pool, precise_pool_regions
from sceneparse.settings import PreprocessingSettings, ProtocolSettings


@dataclass(frozen=True)
class Case:
    """A recorded case."""

    name: str
    manifest: dict[str, Any]
    reference: dict[str, np.ndarray]
    reference64: dict[str, np.ndarray]
    fill: ModuleType

    @classmethod
    def read(cls, folder: Path, fill: ModuleType) -> "Case":
        """Read a case's folder."""
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if manifest["fill_version"] != fill.VERSION:
            raise ValueError(f"filled by version {manifest['fill_version']} of fill.py, not {fill.VERSION}")
        doubles = folder / "outputs64.safetensors"
        return cls(
            folder.name,
            manifest,
            load_file(folder / "outputs.safetensors"),
            load_file(doubles) if doubles.is_file() else {},
            fill,
        )

    def wanted(self, name: str) -> Wanted:
        """What a recorded output is."""
        meanings = self.manifest.get("outputs", {})
        plain = name.partition(":")[0]
        meaning = meanings.get(name) or meanings.get(f"{plain}:KEY") or meanings.get(plain.removesuffix("_sub")) or ""
        return Wanted.read(name, self.reference[name].shape, meaning)

    def keys(self) -> dict[str, tuple[list[int], str | None]]:
        """Shape of every key, and the key whose tensor it names once more; halves of a pair stand before the keys."""
        return {
            half + key: (shape, None if alias is None else half + alias)
            for part, half in self.halves().items()
            for key, shape, _, alias in self.manifest["state_dicts"][part]
        }

    def halves(self) -> dict[str, str]:
        """What stands before the keys of each half of the checkpoint: nothing if it is one."""
        halves = list(self.manifest["state_dicts"])
        if len(halves) == 1:
            return {halves[0]: ""}
        return {half: next((f"{full}." for full in HALVES if full.startswith(half)), f"{half}.") for half in halves}

    def weights(self, half: str) -> dict[str, Tensor]:
        """The weights of a half of the checkpoint, by the implementation's own keys."""
        return {key: torch.from_numpy(value) for key, value in self.fill.state(self.manifest, half).items()}

    def state(self) -> dict[str, Tensor]:
        """All weights; halves of a pair stand before the keys."""
        return {
            before + key: value for half, before in self.halves().items() for key, value in self.weights(half).items()
        }

    def inputs(self) -> dict[str, Tensor]:
        """Every input by its name: normalised pictures (N, C, H, W), and labels."""
        return {source["name"]: torch.from_numpy(self._input(source)) for source in self.manifest["inputs"]}

    def _input(self, source: dict[str, Any]) -> np.ndarray:
        if source["kind"] == "image":
            return np.asarray(self.fill.image(source["shape"], source["seed"]))
        options = {key: source[key] for key in ("ignore", "frac", "low") if key in source}
        return np.asarray(self.fill.target(source["shape"], source["seed"], source["classes"], **options))


def operator_outputs(case: Case) -> dict[str, np.ndarray]:
    """Precise region pooling: whole maps, "<input>_<bins>", and regions, as the published operator was called."""
    maps = case.inputs()
    got = {}
    for name in case.reference:
        source, _, bins = name.rpartition("_")
        if source in maps and bins.isdigit():
            got[name] = precise_pool(maps[source], int(bins)).numpy()
    for name in set(case.reference) - set(got):
        meaning = str(case.manifest["outputs"].get(name, ""))
        found = re.search(r"scale (\d*\.?\d+)", meaning)
        named = re.search(r"input (\w+)", meaning)
        size = case.reference[name].shape
        got[name] = precise_pool_regions(
            maps[named[1] if named else next(iter(maps))],
            _regions(case, meaning),
            (size[-2], size[-1]),
            scale=float(found[1]) if found else 1.0,
        ).numpy()
    return got


def _regions(case: Case, meaning: str) -> Tensor:
    """The regions that a meaning names; "the same" are those of the first that names some."""
    for text in (meaning, *case.manifest["outputs"].values()):
        if found := re.search(r"\[\[.*?\]\]", text):
            return torch.tensor(json.loads(re.sub(r"(?<!\d)\.", "0.", found[0])), dtype=torch.float32)
    raise ValueError("no output says which regions were pooled")


class Toy:
    """The protocol case's model: colours, and the position inside the window."""

    name, precision = "toy", "float32"
    num_classes, align_corners = 5, True
    padding_color = tuple(255 * value for value in PreprocessingSettings().mean)

    def __init__(self, weights: dict[str, Tensor]) -> None:
        self.weight, self.bias = weights["toy.weight"], weights["toy.bias"]

    def describe(self) -> str:
        """What stands in tables."""
        return f"{self.name}, {self.precision}"

    def __call__(self, images: Tensor) -> Tensor:
        """Logits at the size of the pictures (N, 3, H, W)."""
        settings = PreprocessingSettings()
        logits = torch.conv2d(normalize(images, settings.mean, settings.std), self.weight, self.bias)
        count = len(self.bias)
        classes = torch.arange(count).view(count, 1, 1)
        rows, columns = torch.arange(images.shape[-2]).view(-1, 1), torch.arange(images.shape[-1])
        return logits + 0.01 * classes * columns + 0.02 * (count - 1 - classes) * rows


def protocol_outputs(case: Case) -> dict[str, np.ndarray]:
    """The sliding windows of the original PyTorch release (tool/test.py).

    That program normalises the crop it is given in place, and the recording handed it a view of the picture's corner,
    twice, before it went on to the scales: so did the recorded pictures lose their corner, and so do these.
    """
    arguments = case.manifest["args"] if "args" in case.manifest else case.manifest["source"]["args"]
    window = (arguments["crop_h"], arguments["crop_w"])
    height, width = window
    engine = Toy(case.weights("model"))
    [given] = case.inputs().values()
    picture = torch.from_numpy(np.clip(np.round(given[0].numpy() * 40 + 128), 0, 255).astype(np.uint8)).float()
    settings = PreprocessingSettings()
    mean, std = (255 * torch.tensor(values).view(3, 1, 1) for values in (settings.mean, settings.std))
    pictures = [picture]
    for _ in range(2):
        pictures.append(pictures[-1].clone())
        pictures[-1][:, :height, :width] = (pictures[-1][:, :height, :width] - mean) / std
    got: dict[str, Tensor] = {}
    for name, flip, image in (("net", True, pictures[0]), ("net_noflip", False, pictures[1])):
        protocol = ProtocolSettings("window", window=window, flip=flip, average="probabilities")
        got[name] = scores(engine, image[:, :height, :width], resolve(protocol)).permute(1, 2, 0)
    size, scales = arguments["base_size"], tuple(arguments["scales"])
    for scale in scales:
        protocol = ProtocolSettings("semseg", size=size, window=window, scales=(scale,))
        name = f"scale_{round(100 * scale):03d}"
        got[name] = scores(engine, pictures[2], resolve(protocol)).permute(1, 2, 0)
    protocol = ProtocolSettings("semseg", size=size, window=window, scales=scales)
    got["label"] = predict(engine, pictures[2], resolve(protocol)).labels.int()
    return {name: value.numpy() for name, value in got.items()}
