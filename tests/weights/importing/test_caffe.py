"""The first release of PSPNet: its `.caffemodel` read from the wire, and scored as its deploy file says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

import sceneparse
from sceneparse.errors import UserError
from sceneparse.settings import ProtocolSettings
from sceneparse.weights.importing.caffe import read_caffemodel
from sceneparse.weights.importing.checkpoint import ImportedModel, import_checkpoint
from sceneparse.weights.importing.families.caffe import recognise
from tests.support.caffemodel import blob, caffemodel, field, varint

BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
WIDTHS = (64, 128, 256, 512)


def shapes(depth: int, classes: int, branch: int, head: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The convolutions of the deploy file: output, input, kernel."""
    yield from (("conv1_1_3x3_s2", (64, 3, 3, 3)), ("conv1_2_3x3", (64, 64, 3, 3)), ("conv1_3_3x3", (128, 64, 3, 3)))
    before = 128
    for stage, (count, width) in enumerate(zip(BLOCKS[depth], WIDTHS, strict=True), 2):
        for block in range(1, count + 1):
            name = f"conv{stage}_{block}"
            yield f"{name}_1x1_reduce", (width, before, 1, 1)
            yield f"{name}_3x3", (width, width, 3, 3)
            yield f"{name}_1x1_increase", (4 * width, width, 1, 1)
            if block == 1:
                yield f"{name}_1x1_proj", (4 * width, before, 1, 1)
            before = 4 * width
    for side in (1, 2, 3, 6):
        yield f"conv5_3_pool{side}_conv", (branch, before, 1, 1)
    yield "conv5_4", (head, before + 4 * branch, 3, 3)
    yield "conv6", (classes, head, 1, 1)


def weights(depth: int, classes: int, branch: int = 4, head: int = 8) -> dict[str, list[np.ndarray]]:
    """Layers with blobs as the release stores them: BN has slope, bias, mean and variance, each (1, C, 1, 1)."""
    rng = np.random.default_rng(0)
    layers: dict[str, list[np.ndarray]] = {}
    for name, shape in shapes(depth, classes, branch, head):
        layers[name] = [rng.standard_normal(shape, np.float32) * np.float32((1 / np.prod(shape[1:])) ** 0.5)]
        if name == "conv6":
            layers[name].append(rng.standard_normal(classes, np.float32))
            continue
        side = (1, shape[0], 1, 1)
        layers[f"{name}/bn"] = [
            rng.uniform(0.5, 1.0, side),
            rng.standard_normal(side) * 0.1,
            rng.standard_normal(side) * 0.1,
            rng.uniform(0.5, 1.5, side),
        ]
    return layers


def published(layers: dict[str, list[np.ndarray]], images: Tensor, depth: int) -> Tensor:
    """The deploy file, layer by layer, on BGR pictures of 0..255 minus their means; at stride 8."""

    def conv(name: str, maps: Tensor, stride: int = 1, dilation: int = 1, relu: bool = True) -> Tensor:
        weight = torch.from_numpy(layers[name][0])
        maps = F.conv2d(maps, weight, stride=stride, padding=weight.shape[-1] // 2 * dilation, dilation=dilation)
        slope, bias, mean, variance = (torch.from_numpy(value).float() for value in layers[f"{name}/bn"])
        maps = slope * (maps - mean) * (variance + 1e-5).rsqrt() + bias
        return F.relu(maps) if relu else maps

    maps = conv("conv1_3_3x3", conv("conv1_2_3x3", conv("conv1_1_3x3_s2", images, 2)))
    maps = F.max_pool2d(maps, 3, 2, 1)
    for stage, count in enumerate(BLOCKS[depth], 2):
        dilation = {4: 2, 5: 4}.get(stage, 1)
        for block in range(1, count + 1):
            name = f"conv{stage}_{block}"
            stride = 2 if name == "conv3_1" else 1
            # In its ResNet-50 the first convolution of a block halves the picture, in its ResNet-101 the second.
            first, second = (stride, 1) if depth == 50 else (1, stride)
            inner = conv(f"{name}_3x3", conv(f"{name}_1x1_reduce", maps, first), second, dilation)
            inner = conv(f"{name}_1x1_increase", inner, relu=False)
            maps = F.relu(inner + (conv(f"{name}_1x1_proj", maps, stride, relu=False) if block == 1 else maps))
    pooled = [
        F.interpolate(
            conv(f"conv5_3_pool{side}_conv", F.adaptive_avg_pool2d(maps, side)),
            maps.shape[-2:],
            mode="bilinear",
            align_corners=True,
        )
        for side in (6, 3, 2, 1)
    ]
    maps = conv("conv5_4", torch.cat([maps, *pooled], dim=1))
    weight, bias = map(torch.from_numpy, layers["conv6"])
    return F.conv2d(maps, weight, bias)


def test_imported_network_scores_as_its_deploy_file_says(tmp_path: Path) -> None:
    layers = weights(50, 5)
    (tmp_path / "pspnet.caffemodel").write_bytes(caffemodel(layers))
    imported = import_checkpoint(tmp_path / "pspnet.caffemodel")
    assert isinstance(imported, ImportedModel)
    assert imported.family == "caffe"
    imported.save(tmp_path / "model")
    parser = sceneparse.load(
        tmp_path / "model", device="cpu", engine="torch", precision="float32", protocol=ProtocolSettings("whole")
    )
    picture = torch.randint(0, 256, (1, 3, 49, 57), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    bgr = picture.flip(1) - torch.tensor([103.939, 116.779, 123.68]).view(3, 1, 1)
    with torch.inference_mode():
        expected = published(layers, bgr, 50)
    torch.testing.assert_close(parser.engine(picture), expected, rtol=1e-3, atol=1e-3 * float(expected.std()))


@pytest.mark.parametrize(("depth", "classes", "window"), [(50, 150, None), (101, 21, None), (101, 19, (713, 713))])
def test_the_three_published_files_are_told_apart(depth: int, classes: int, window: tuple[int, int] | None) -> None:
    found: dict[str, tuple[int, ...]] = {}
    for name, shape in shapes(depth, classes, 512, 512):
        found[f"{name}.0"] = shape
        found |= {f"{name}/bn.{number}": (1, shape[0], 1, 1) for number in range(4)}
    recognition = recognise(found)
    assert recognition is not None
    assert recognition.backbone.name == f"resnet{depth}s"
    assert (recognition.num_classes, recognition.protocol.window) == (classes, window)
    assert recognition.network.branch_channels is None
    assert recognition.backbone.stride_on == {50: "1x1", 101: "3x3"}[depth]


@pytest.mark.parametrize("legacy", [False, True])
def test_blobs_are_read_by_layer_and_number(legacy: bool, tmp_path: Path) -> None:
    layers: dict[str, list[NDArray[Any]]] = {
        "a": [np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3), np.ones((1, 1, 1, 2))],
        "b/bn": [],
        "c": [np.ones((1, 1, 1, 1))],
    }
    path = tmp_path / "small.caffemodel"
    path.write_bytes(caffemodel(layers, legacy=legacy))
    read = read_caffemodel(path)
    assert list(read) == ["a.0", "a.1", "c.0"]
    assert read["a.0"].tolist() == layers["a"][0].tolist()
    assert read["a.1"].shape == (1, 1, 1, 2)


def layer(content: bytes) -> bytes:
    return field(100, field(1, b"a") + field(7, content))


HOSTILE = {
    "cut": layer(blob(np.ones((4, 4))))[:-7],
    "length beyond the file": varint(100 << 3 | 2) + varint(2**40),
    "number without end": b"\xff" * 30,
    "claimed shape": layer(field(7, field(1, varint(2**40) + varint(2**20))) + field(5, b"\0" * 16)),
    "no dimensions for values": layer(field(5, b"\0" * 16)),
    "half a value": layer(field(7, field(1, varint(1))) + field(5, b"\0" * 3)),
    "too many dimensions": layer(field(7, field(1, b"\x01" * 5000)) + field(5, b"\0" * 4)),
    "groups": varint(100 << 3 | 3),
    "a layer twice": 2 * layer(blob(np.ones(2))),
    "text that is none": field(100, field(1, b"\xff\xfe") + field(7, blob(np.ones(2)))),
    "field 0": varint(2) + varint(0),
    "no weights": field(1, b"net"),
    "empty": b"",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_damaged_files_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.caffemodel"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"broken\.caffemodel"):
        read_caffemodel(path)


def test_every_cut_of_a_file_is_refused_or_reads_whole_layers(tmp_path: Path) -> None:
    whole = caffemodel({"a": [np.ones((2, 3))], "b": [np.ones(4)]})
    path = tmp_path / "cut.caffemodel"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            assert set(read_caffemodel(path)) <= {"a.0"}
        except UserError:
            continue


def test_flipped_bytes_are_refused_or_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    whole = np.frombuffer(caffemodel({"a": [np.ones((2, 3))], "b/bn": [np.ones(4), np.ones(4)]}), np.uint8)
    path = tmp_path / "flipped.caffemodel"
    for _ in range(400):
        broken = whole.copy()
        places = rng.integers(0, len(whole), 3)
        broken[places] = rng.integers(0, 256, 3)
        path.write_bytes(broken.tobytes())
        try:
            values = sum(tensor.numel() for tensor in read_caffemodel(path).values())
        except UserError:
            continue
        assert 4 * values <= len(whole)
