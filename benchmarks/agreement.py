"""How many of float32's labels the engines keep in bfloat16 and float16.

    python benchmarks/agreement.py
    python benchmarks/agreement.py --network pspnet50 --json
    python benchmarks/agreement.py --model runs/mine/model --pictures photos

Networks with random weights see made-up pictures (the hardest case: hardly a pixel is sure of its class); with --model,
a trained one sees the pictures of a folder, as they are. What is counted are the pixels of the upsampled labels that
are equal to those of the network as its paper writes it, computed by PyTorch in float32. The rows are that network
under autocast, as one runs it without this package, and the engines, each with the convolutions over resized maps as
written ("plain") and in the exact form. The error is that of the scores: its root mean square, relative to their
standard deviation.
"""

import copy
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional as F

import unified_engines
from command_line import command_line, device_of, note, parsed, write_figures
from peer_networks import CASES, PREPROCESSING, Case, imitate_training
from sceneparse.devices import device_name, float32_products
from sceneparse.errors import UserError
from sceneparse.inference.choosing import ENGINES
from sceneparse.networks import SceneParser, UnifiedUPerNet, normalize, resize
from sceneparse.pictures.finding import find_pictures
from sceneparse.pictures.reading import read_picture
from sceneparse.settings import PreprocessingSettings
from sceneparse.weights.model import load_model

ENGINES_HERE = ("torch", "openvino")


class Subject(NamedTuple):
    """A network in evaluation mode, and the pictures that it sees, (1, 3, H, W) uint8."""

    name: str
    network: SceneParser
    preprocessing: PreprocessingSettings
    pictures: list[Tensor]


class Row(NamedTuple):
    """What was found; labels that are equal, and the scores' error, as shares of 1."""

    network: str
    row: str
    precision: str
    equal: float
    error: float


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--network", nargs="+", choices=CASES, default=list(CASES), help="which (default: all)")
    parser.add_argument("--model", type=Path, metavar="DIR", help="a trained model instead")
    parser.add_argument("--pictures", nargs="+", default=[], metavar="PATH", help="what the trained model sees")
    parser.add_argument("--most", type=int, default=20, help="pictures of these at most (default: 20)")
    parser.add_argument("--precision", default="bfloat16", help="bfloat16 or float16 (default: bfloat16)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--engines", nargs="+", choices=ENGINES_HERE, default=ENGINES_HERE, help="which (default: all)")
    # A conversion for OpenVINO alone takes ten seconds.
    given = parsed(parser, {"network": ["upernet50"], "engines": ["torch"]})
    device = device_of(parser, given.device)
    rows = []
    cases = [CASES[name].quick() if given.quick else CASES[name] for name in given.network]
    for subject in [_trained(given)] if given.model else map(random_subject, cases):
        rows += compared(subject, given.precision, device, given.engines)
    write_figures([row._asdict() for row in rows], given.json, lambda: show(rows, device))


def compared(
    subject: Subject, precision: str, device: torch.device, engines: Sequence[str] = ENGINES_HERE
) -> list[Row]:
    """All rows of a network."""
    written = formulated(subject.network, "plain").to(device)
    truth = [_maps(written, subject.preprocessing, one.to(device)) for one in subject.pictures]
    with torch.autocast(device.type, getattr(torch, precision)):
        found = [_maps(written, subject.preprocessing, one.to(device)) for one in subject.pictures]
    rows = [_row(subject, "as written, autocast", precision, found, truth)]
    for name in engines:
        for form in ("plain", "exact"):
            try:
                engine: Any = ENGINES[name](
                    formulated(subject.network, form), subject.preprocessing, device=device, precision=precision
                )
            except UserError as error:
                note(f"{subject.name}, {name}: {error}")
                break
            found = [[one.to(device) for one in engine_maps(engine, subject, one)] for one in subject.pictures]
            rows.append(_row(subject, f"{name}, {form}", precision, found, truth))
    return rows


def formulated(network: SceneParser, form: str) -> SceneParser:
    """A copy of a network whose convolutions over resized maps are computed in this form."""
    network = copy.deepcopy(network)
    for module in network.modules():
        if hasattr(module, "resampling"):
            module.resampling = form  # type: ignore[assignment]
    return network


def engine_maps(engine: Any, subject: Subject, picture: Tensor) -> list[Tensor]:
    """The scores that an engine gives a picture (1, 3, H, W), a map for every task that has one."""
    if isinstance(subject.network, UnifiedUPerNet):
        return maps_of(engine.heads(picture, subject.network.tasks))
    return [engine(picture)]


def maps_of(output: Any) -> list[Tensor]:
    """The maps (N, C, h, w) of logits in what a network or an engine gives, one for every task that has one."""
    found = (getattr(output, name, None) for name in ("logits", "part", "material", "texture"))
    return [maps.float() for maps in found if maps is not None]


@torch.inference_mode()
def _maps(network: SceneParser, preprocessing: PreprocessingSettings, picture: Tensor) -> list[Tensor]:
    pixels = normalize(picture.float(), preprocessing.mean, preprocessing.std)
    with float32_products("float32"):  # by PyTorch's own settings, convolutions on GPUs are in TF32
        return maps_of(network(pixels.contiguous(memory_format=torch.channels_last)))


def labels_of(subject: Subject, picture: Tensor, maps: Sequence[Tensor]) -> list[Tensor]:
    """The labels of a picture's pixels by its maps."""
    size = (picture.shape[-2], picture.shape[-1])
    return [resize(one, size, subject.network.align_corners).argmax(dim=1) for one in maps]


def _row(subject: Subject, name: str, precision: str, found: list[list[Tensor]], truth: list[list[Tensor]]) -> Row:
    equal, pixels, squares, spread = 0, 0, 0.0, 0.0
    for picture, here, there in zip(subject.pictures, found, truth, strict=True):
        for one, other in zip(here, there, strict=True):
            labels = [labels_of(subject, picture, [maps])[0] for maps in (one, other)]
            equal += int((labels[0] == labels[1]).sum())
            pixels += labels[0].numel()
            squares += float((one - other).square().mean())
            spread += float(other.var())
    row = Row(subject.name, name, precision, equal / pixels, (squares / spread) ** 0.5)
    note(f"{subject.name}, {name}: {row.equal:.4f}")
    return row


def random_subject(case: Case) -> Subject:
    """A network with random weights and made-up pictures."""
    torch.manual_seed(0)
    network = case.ours("exact")
    imitate_training(network, case)
    return Subject(case.name, network.eval(), PREPROCESSING, list(case.picture(2).split(1)))


def unified_subject(side: int, backbone: str = "resnet50", channels: int = 512) -> Subject:
    """A network of all tasks with random weights and made-up pictures."""
    network, preprocessing, _ = unified_engines.subject(None, backbone, channels)
    pictures = CASES["upernet50"]._replace(side=side).picture(2)
    return Subject("unified50", taught(network, preprocessing, pictures, 0), preprocessing, list(pictures.split(1)))


BANDS = 12
"""Classes that are learnt, of those that a network has."""


def taught(network: SceneParser, preprocessing: PreprocessingSettings, pictures: Tensor, steps: int) -> SceneParser:
    """Train a network to tell bands of brightness, and give its batch norms the statistics of the pictures.

    It is trained as its paper writes it.

    Args:
        network: The network, which stays as it is.
        preprocessing: How it sees pictures.
        pictures: (N, 3, H, W) uint8 on the device where it is trained.
        steps: Steps of its training; with none it stays random.

    Returns:
        The trained one, in evaluation mode, on the CPU.
    """
    torch.manual_seed(0)
    learner = formulated(network, "plain").to(pictures.device).train()
    pixels = normalize(pictures.float(), preprocessing.mean, preprocessing.std)
    # Of the picture, and of its colours, a map each.
    shades = torch.stack([pixels.mean(dim=1), *pixels.unbind(dim=1)])
    truth = ((shades - shades.min()) / (shades.max() - shades.min()) * (BANDS - 0.01)).long()
    optimizer = torch.optim.AdamW(learner.parameters(), lr=5e-4)
    for _ in range(steps):
        found = maps_of(learner(pixels))
        size = (pixels.shape[-2], pixels.shape[-1])
        losses = [F.cross_entropy(resize(maps, size, False), truth[index]) for index, maps in enumerate(found)]
        optimizer.zero_grad()
        torch.stack(losses).sum().backward()
        optimizer.step()
    for module in learner.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    with torch.no_grad():
        learner(pixels)
    return formulated(learner.cpu().eval(), "exact")


def _trained(given: Namespace) -> Subject:
    model = load_model(given.model)
    paths = [found.path for found in find_pictures(given.pictures)][: given.most]
    if not paths:
        raise SystemExit("--model needs --pictures, a folder of pictures for it to see")
    channels = model.config.backbone.in_channels
    pictures = [read_picture(path, channels)[None] for path in paths]
    return Subject(model.config.name, model.network, model.config.preprocessing, pictures)


def show(rows: list[Row], device: torch.device) -> None:
    """A table on the terminal."""
    table = Table(title=f"Labels equal to float32's, {device_name(device)}")
    for column in ("network", "row", "precision"):
        table.add_column(column)
    for column in ("equal", "error of the scores"):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(row.network, row.row, row.precision, f"{100 * row.equal:.2f}%", f"{100 * row.error:.2f}%")
    Console().print(table)


if __name__ == "__main__":
    main()
