import dataclasses
from unittest import mock

import pytest
import torch

from sceneparse.networks.cost import multiply_adds
from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights import inventory
from sceneparse.weights.architectures import ARCHITECTURES
from sceneparse.weights.build import build, build_backbone
from sceneparse.weights.inventory import CLASSES, Inventory, Row, measure, print_inventory


def test_the_sizes_are_those_that_are_published() -> None:
    """UPerNet with ResNet-50 at 512²: mmseg states 66.4 M parameters with its auxiliary head (2.4 M) and 237 G."""
    row = measure("upernet", "resnet50")
    assert row.multiply_adds == pytest.approx(236.6, abs=0.5)
    assert row.parameters == pytest.approx(64.05, abs=0.1)
    assert row.exact_multiply_adds < 0.6 * row.multiply_adds
    assert (row.output_stride, row.input_size) == (32, 512)


def test_pspnet_is_counted_at_473_and_stride_8() -> None:
    row = measure("pspnet", "resnet18")
    assert (row.output_stride, row.input_size) == (8, 473)
    assert row.parameters == pytest.approx(16.2, abs=0.1)
    assert row.to_json() == dataclasses.asdict(row)


def test_networks_on_one_backbone_are_measured_as_each_is_built() -> None:
    measuring = Inventory()
    with mock.patch.object(inventory, "build_backbone", wraps=build_backbone) as made:
        for name in ("pspnet", "fcn", "deeplabv3", "upernet", "upernet_unified"):
            row = measuring.measure(name, "resnet10t")
            with torch.device("meta"):
                built = build(BackboneSettings("resnet10t"), NetworkSettings(name, aux=False), CLASSES).eval()
            side = ARCHITECTURES[name].side
            assert row.exact_multiply_adds == round(multiply_adds(built, 3, (side, side)) / 1e9, 2)
            assert row.parameters == round(sum(weight.numel() for weight in built.parameters()) / 1e6, 2)
    assert made.call_count == 2  # at strides 8 and 32


def test_names_are_whole_in_what_another_program_reads(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    name = "swin_tiny_patch4_window7_224"
    print_inventory([Row("upernet_concat", name, 32, 512, 59.9, 234.7, 114.2)])
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "59.9" in line)
    assert "upernet_concat" in line and name in line


def test_the_table_names_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    print_inventory([Row("pspnet", "resnet50", 8, 473, 46.7, 155.8, 125.5)])
    printed = capsys.readouterr().out
    assert (
        "pspnet" in printed
        and "resnet50" in printed
        and "46.7" in printed
        and "155.8" in printed
        and "125.5" in printed
    )


def test_a_classifier_that_is_computed_before_enlarging_counts() -> None:
    """The concatenating UPerNet's sees 512 channels and 3×3 taps at the picture's full size."""
    row = measure("upernet_concat", "resnet18")
    assert row.multiply_adds > 512 * 512 * 512 * 9 * 150 / 1e9 > row.exact_multiply_adds


def test_the_licence_of_the_backbones_weights_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    row = measure("linear", "vit_small_patch14_dinov2")
    assert row.licence == "apache-2.0"
    assert measure("upernet", "vit_small_patch16_dinov3").licence == "dinov3-license"
    assert measure("fcn", "squeezenet1_1_stride8").licence == "no weights"
    print_inventory([row])
    assert "apache" in capsys.readouterr().out
