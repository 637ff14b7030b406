"""MMSegmentation's published files, one by one: does an import take their settings from what they say?

For each of the 266 files a checkpoint of its exact keys and shapes (on torch's meta device, so without weights) is
imported five times: with the configuration that 1.x, 0.x and 0.5 write into `meta`, under its published name without
one, and without either. What was built is compared with what MMSegmentation builds: strides and dilations block by
block, corners, the head's dilation, normalisation, size and windows of the test. A file is

    right    imported with the right settings from its `meta` and from its name,
    warned   imported with the right settings, but with a warning that one of them is not known,
    refused  with the reason,
    wrong    imported with another setting than its own and without a warning.

Without `meta` and name, a file must be refused, or imported with a warning that names what is open.

    python benchmarks/mmseg_checkpoints.py [--table ../shared/facts/checkpoints/mmseg_settings.csv]
"""

import math
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from command_line import command_line, parsed, write_figures
from mmseg_configurations import Row, blocks, configuration, read_rows
from mmseg_forms import form
from sceneparse.errors import UserError
from sceneparse.inference.protocol import resolve
from sceneparse.networks import SceneParser
from sceneparse.settings import BackboneSettings, NetworkSettings, PreprocessingSettings
from sceneparse.weights.build import build
from sceneparse.weights.config import ModelConfig
from sceneparse.weights.importing.convert import Recognised, configure, match_keys, open_settings, recognise
from sceneparse.weights.importing.reading import Checkpoint

TABLE = Path(__file__).parents[2] / "shared/facts/checkpoints/mmseg_settings.csv"

FORMS = ("meta 1.x", "meta 0.x", "meta 0.5", "name", "neither")
"""What a file is imported with."""


@dataclass(frozen=True)
class Result:
    """What became of a row: the outcome of each form, and the reason of a refusal or the settings that are wrong."""

    name: str
    outcome: str
    forms: dict[str, str]
    reason: str


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--table", type=Path, default=TABLE, help=f"the table of settings (default: {TABLE})")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every Nth row only")
    arguments = parsed(parser, {"every": 45})
    rows = read_rows(arguments.table)[:: arguments.every]
    results = [judge(row) for row in rows]
    counts = Counter(result.outcome for result in results)
    figures = {"counts": {word: counts[word] for word in ("right", "warned", "refused", "wrong")}}

    def show() -> None:
        for result in results:
            print(f"{result.outcome:8}{result.name:80}{result.reason}")
        print(f"\n{len(results)} files: " + ", ".join(f"{count} {word}" for word, count in figures["counts"].items()))

    write_figures(figures | {"rows": [asdict(result) for result in results]}, arguments.json, show)
    sys.exit(1 if counts["wrong"] else 0)


def judge(row: Row) -> Result:
    """Import a row's file in all forms."""
    shapes = form(row.name, row.backbone, row.head, row.channels, row.classes)
    tensors = {key: _meta(key, shape) for key, shape in shapes.items()}
    names = tuple(f"class-{index}" for index in range(row.classes))
    metas: tuple[dict[str, Any], ...] = (
        {"cfg": configuration(row, "1.x"), "dataset_meta": {"classes": names}, "mmengine_version": "0.7.1"},
        {"config": configuration(row, "0.x"), "CLASSES": names, "mmseg_version": "0.16.0"},
        {"config": configuration(row, "0.5"), "CLASSES": names, "mmseg_version": "0.5.0"},
        {},
        {},
    )
    files = (*["iter_80000.pth"] * 3, f"{row.file}.pth", "iter_80000.pth")
    outcomes, reasons = {}, {}
    for what, meta, file in zip(FORMS, metas, files, strict=True):
        outcomes[what], reasons[what] = imported(row, Checkpoint(tensors, file, meta=meta))
    known = [outcomes[what] for what in FORMS[:-1]]
    order = ("wrong", "refused", "warned", "right")
    outcome = next(word for word in order if word in known)
    # What nothing tells must not be taken for known.
    if outcomes["neither"] in ("wrong", "right"):
        outcome = "wrong"
    reason = next((reasons[what] for what in FORMS if outcomes[what] == outcome and reasons[what]), "")
    return Result(row.name, outcome, outcomes, "" if outcome == "right" else reason)


def _meta(key: str, shape: tuple[int, ...]) -> torch.Tensor:
    counts = key.endswith(("num_batches_tracked", "relative_position_index"))
    return torch.empty(shape, dtype=torch.int64 if counts else torch.float32, device="meta")


def imported(row: Row, checkpoint: Checkpoint) -> tuple[str, str]:
    """What an import makes of a file, and why it is not right."""
    try:
        found = recognise(checkpoint, "auto")
        assert isinstance(found, Recognised)
        config = configure(found, {})
        network = built(config.backbone, config.network, found.recognition.num_classes)
        tensors = checkpoint.tensors
        for adapt in (found.family.adapt, found.recognition.adapt):
            tensors = tensors if adapt is None else adapt(tensors)
        shapes = {key: tuple(value.shape) for key, value in tensors.items()}
        match_keys(network, shapes, found.recognition.names, found.recognition.dropped, checkpoint.source, found.name)
    except UserError as error:
        return "refused", str(error)
    wrong = list(differences(row, config, network))
    warnings = open_settings(found, {})
    if warnings:
        # Right or not: the settings that are open are named.
        return "warned", "; ".join(warnings)
    return ("wrong", "; ".join(wrong)) if wrong else ("right", "")


@cache
def built(backbone: BackboneSettings, settings: NetworkSettings, classes: int) -> SceneParser:
    """The network of these settings, without weights."""
    with torch.device("meta"):
        return build(backbone, settings, classes)


def differences(row: Row, config: ModelConfig, network: SceneParser) -> Iterator[str]:
    """Every setting of an import that is not the row's."""
    head = {"PSPHead": "pspnet", "UPerHead": "upernet", "FCNHead": "fcn", "ASPPHead": "deeplabv3"}[row.head]
    protocol = resolve(config.protocol)
    window = tuple(row.test["crop_size"]) if row.test["mode"] == "slide" else None
    step = None if window is None else row.test["stride"][0]
    long, short = max(row.scale), min(row.scale)
    expected: list[tuple[str, Any, Any]] = [
        ("architecture", config.network.architecture, head),
        ("align_corners", network.align_corners, row.align_corners),
        ("head dilation", config.network.head_dilation, row.head_dilation),
        ("classes", network.num_classes, row.classes),
        ("preprocessing", config.preprocessing, PreprocessingSettings()),
        ("window", protocol.window, window),
        ("step", None if window is None else math.ceil(window[0] * protocol.stride), step),
        ("test size", (protocol.size, protocol.max_long), (short, long)),
    ]
    if row.strides is not None:
        expected.append(("convolutions", convolutions(network), expected_convolutions(row)))
    if row.backbone in ("VisionTransformer", "BEiT", "MAE"):
        taken = getattr(network.backbone, "block_numbers", None)
        expected.append(("blocks", taken and tuple(taken), blocks(row)))
    if head == "deeplabv3":
        rates = [layer.conv.dilation[0] for layer in network.pyramid.atrous]  # type: ignore[union-attr]
        expected.append(("rates", rates, [6, 12, 18] if row.strides == (1, 2, 2, 1) else [12, 24, 36]))
    for what, is_, should in expected:
        if is_ != should:
            yield f"{what}: {is_}, should be {should}"


def convolutions(network: SceneParser) -> list[tuple[int, int]]:
    """Stride and dilation of each spatial convolution of the backbone's blocks, in their order."""
    body = network.backbone.body
    names = ["blocks"] if hasattr(body, "blocks") else [f"layer{index}" for index in (1, 2, 3, 4)]
    found = []
    for stage in map(body.get_submodule, names):
        for key, layer in stage.named_modules():
            if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3) and "downsample" not in key:
                found.append((layer.stride[0], layer.dilation[0]))
    return found


def expected_convolutions(row: Row) -> list[tuple[int, int]]:
    """The same as MMSegmentation builds them of the row's strides and dilations."""
    assert row.strides is not None and row.dilations is not None
    found = []
    if row.backbone == "MobileNetV2":
        for count, stride, dilation in zip((1, 2, 3, 4, 3, 3, 1), row.strides, row.dilations, strict=True):
            found += [(stride, dilation), *[(1, 1)] * (count - 1)]
        return found
    depth = next(depth for depth in (18, 50, 101) if f"r{depth}" in row.name or f"s{depth}" in row.name)
    counts = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}[depth]
    for stage, (count, stride, dilation) in enumerate(zip(counts, row.strides, row.dilations, strict=True)):
        # `contract_dilation` is set in all: the first block has half.
        factors = [max(dilation // 2, 1), *[dilation] * (count - 1)]
        if stage == 3 and row.multi_grid is not None:
            factors = list(row.multi_grid)
        for index, factor in enumerate(factors):
            # A ResNeSt halves the map by a pooling behind its convolution.
            own = stride if index == 0 and row.backbone != "ResNeSt" else 1
            found.append((own, factor))
            if depth == 18:
                found.append((1, 1))
    return found


if __name__ == "__main__":
    main()
