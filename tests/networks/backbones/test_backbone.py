import math

import pytest
import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import nn

from sceneparse.errors import UserError
from sceneparse.networks.backbones import Backbone, make_backbone, natural_padding

# Dilation of the spatial convolutions in the first block of a stage, and of those in the rest of it, at stride 8.
PLACEMENTS = {"first": ((2, 2), (4, 4)), "half": ((1, 2), (2, 4)), "none": ((1, 2), (1, 4))}


def spatial(module: nn.Module) -> list[nn.Conv2d]:
    return [layer for layer in module.modules() if isinstance(layer, nn.Conv2d) and max(layer.kernel_size) > 1]


def dilations(module: nn.Module) -> list[int]:
    return [layer.dilation[0] for layer in spatial(module)]


def on_meta(name: str, **options: object) -> Backbone:
    with torch.device("meta"):
        return make_backbone(name, **options).eval()  # type: ignore[arg-type]


def test_features_have_strides_4_8_16_and_32_rounded_up() -> None:
    backbone = make_backbone("resnet18").eval()
    features = backbone(torch.zeros(1, 3, 97, 65))
    assert [tuple(maps.shape) for maps in features] == [
        (1, channels, math.ceil(97 / stride), math.ceil(65 / stride))
        for channels, stride in zip((64, 128, 256, 512), (4, 8, 16, 32), strict=True)
    ]
    assert backbone.channels == [64, 128, 256, 512]


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "resnet101", "resnet50s"])
def test_every_spatial_convolution_of_a_resnet_is_dilated_as_its_placement_says(name: str, placement: str) -> None:
    backbone = on_meta(name, output_stride=8, dilation=placement)
    stages = (backbone.body.get_submodule("layer3"), backbone.body.get_submodule("layer4"))
    for stage, (first, rest) in zip(stages, PLACEMENTS[placement], strict=True):
        head, *tail = list(stage.children())
        entry, *others = dilations(head)
        assert entry == first
        # In a basic block the second convolution is dilated like the rest, unless the block is not dilated at all.
        assert others == [1 if placement == "none" else rest] * len(others)
        assert {value for block in tail for value in dilations(block)} == {rest}
        assert all(layer.stride == (1, 1) for layer in spatial(stage))
    for stage in (backbone.body.get_submodule("layer1"), backbone.body.get_submodule("layer2")):
        assert set(dilations(stage)) == {1}
    assert [maps.shape[2:] for maps in backbone(torch.empty(1, 3, 97, 65, device="meta"))] == [
        (25, 17),
        (13, 9),
        (13, 9),
        (13, 9),
    ]


@pytest.mark.parametrize("padding", ["symmetric", "same"])
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_every_depthwise_convolution_of_mobilenetv2_is_dilated_as_its_placement_says(
    placement: str, padding: str
) -> None:
    backbone = on_meta("mobilenetv2_100", output_stride=8, dilation=placement, padding=padding)
    (first3, rest3), (first4, rest4) = PLACEMENTS[placement]
    # Stage 3 is 4 + 3 inverted residuals, stage 4 is 3 + 1; each has one depthwise convolution.
    expected = {3: [first3, *[rest3] * 3], 4: [rest3] * 3, 5: [first4, rest4, rest4], 6: [rest4]}
    for index, values in expected.items():
        assert dilations(backbone.body.get_submodule(f"blocks.{index}")) == values
    assert all(maps.shape[2:] == (13, 9) for maps in backbone(torch.empty(1, 3, 97, 65, device="meta"))[1:])


def test_output_stride_16_dilates_the_last_stage_only() -> None:
    backbone = on_meta("resnet50", output_stride=16, dilation="first")
    assert set(dilations(backbone.body.get_submodule("layer3"))) == {1}
    assert set(dilations(backbone.body.get_submodule("layer4"))) == {2}
    assert [maps.shape[-1] for maps in backbone(torch.empty(1, 3, 64, 64, device="meta"))] == [16, 8, 4, 4]


def test_a_dilated_stage_sees_the_samples_that_the_strided_one_saw() -> None:
    """With "half" a dilated network computes, at every second position, just what the strided network computes."""
    torch.manual_seed(0)
    strided, dilated = (
        make_backbone("resnet18").eval(),
        make_backbone("resnet18", output_stride=16, dilation="half").eval(),
    )
    dilated.load_state_dict(strided.state_dict())
    images = torch.randn(1, 3, 97, 97)
    with torch.inference_mode():
        torch.testing.assert_close(dilated(images)[3][..., ::2, ::2], strided(images)[3], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [(64, 96), (65, 97), (67, 41)])
def test_same_padding_puts_the_odd_row_and_column_last(size: tuple[int, int]) -> None:
    """Against TensorFlow's rule: max((ceil(n / s) - 1) * s + (k - 1) * d + 1 - n, 0) in all, the smaller half first."""
    torch.manual_seed(0)
    backbone = make_backbone("mobilenetv2_100", output_stride=8, dilation="first", padding="same").eval()

    def expected(layer: nn.Conv2d, maps: torch.Tensor) -> torch.Tensor:
        amounts = []
        for side, stride, kernel, dilation in zip(
            maps.shape[:1:-1], layer.stride, layer.kernel_size, layer.dilation, strict=True
        ):
            total = max((math.ceil(side / stride) - 1) * stride + (kernel - 1) * dilation + 1 - side, 0)
            amounts += [total // 2, total - total // 2]
        padded = nn.functional.pad(maps, amounts)
        return nn.functional.conv2d(padded, layer.weight, None, layer.stride, 0, layer.dilation, layer.groups)

    checked = []

    def check(layer: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        assert isinstance(layer, nn.Conv2d)
        torch.testing.assert_close(output, expected(layer, inputs[0]), rtol=1e-4, atol=1e-5)
        checked.append(layer)

    for layer in spatial(backbone):
        layer.register_forward_hook(check)
    with torch.inference_mode():
        features = backbone(torch.randn(1, 3, *size))
    assert len(checked) == 18 and any(isinstance(layer, Conv2dSame) for layer in checked)
    assert tuple(features[3].shape[2:]) == (math.ceil(size[0] / 8), math.ceil(size[1] / 8))


def test_symmetric_padding_can_be_asked_of_a_model_that_comes_from_tensorflow() -> None:
    assert natural_padding("tf_efficientnet_b0") == "same"
    assert natural_padding("mobilenetv2_100") == "symmetric"
    backbone = on_meta("tf_efficientnet_b0", padding="symmetric")
    assert not any(isinstance(layer, Conv2dSame) for layer in backbone.modules())


@pytest.mark.parametrize("name", ["convnext_femto", "swin_tiny_patch4_window7_224"])
def test_models_that_floor_odd_sizes_or_want_multiples_give_features_rounded_up(name: str) -> None:
    backbone = on_meta(name)
    features = backbone(torch.empty(2, 3, 97, 65, device="meta"))
    assert [tuple(maps.shape) for maps in features] == [
        (2, channels, math.ceil(97 / stride), math.ceil(65 / stride))
        for channels, stride in zip(backbone.channels, (4, 8, 16, 32), strict=True)
    ]


def test_any_number_of_input_channels_works() -> None:
    assert on_meta("resnet18", in_channels=4)(torch.empty(1, 4, 32, 32, device="meta"))[0].shape == (1, 64, 8, 8)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet5", {}, "'resnet5' is not a timm model; did you mean resnet50"),
        ("resnet50.nonsense", {}, "timm has no 'nonsense' for resnet50"),
        (
            "convnext_femto",
            {"output_stride": 8},
            "backbone convnext_femto: at output stride 8 its features lie one cell off",
        ),
        ("densenet121", {"output_stride": 16}, "backbone densenet121: it cannot be dilated"),
        ("resnet18", {"padding": "same"}, "backbone resnet18: it has no choice of padding"),
        ("resmlp_12_224", {}, "one size only"),
        ("inception_v3", {}, "do not cover the picture evenly"),
        ("resnet18", {"output_stride": 4}, "output stride 4 is not 8, 16 or 32"),
    ],
)
def test_what_a_backbone_cannot_do_is_refused_with_the_way_out(
    name: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        on_meta(name, **options)
    assert "\n" not in str(caught.value)


def test_a_backbone_that_pads_can_be_exported_for_any_size() -> None:
    from torch.export import Dim

    backbone = make_backbone("convnext_atto").eval()
    assert backbone.multiple == 32
    sides = {2: Dim("height", min=33, max=512), 3: Dim("width", min=33, max=512)}
    program = torch.export.export(
        backbone,
        (torch.zeros(1, 3, 97, 129),),
        dynamic_shapes={"images": sides},
        prefer_deferred_runtime_asserts_over_guards=True,
    ).module()
    for size in ((64, 64), (70, 133)):
        images = torch.randn(1, 3, *size)
        with torch.no_grad():
            for found, expected in zip(program(images), backbone(images), strict=True):
                torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "exportable"),
    [("resnet10t", True), ("mambaout_femto", True), ("swin_tiny_patch4_window7_224", False), ("davit_tiny", False)],
)
def test_a_backbone_says_whether_it_can_be_exported(name: str, exportable: bool) -> None:
    """Attention in windows cannot; the order of channels, which MambaOut shares with Swin, decides nothing."""
    with torch.device("meta"):
        assert (make_backbone(name).unexportable is None) == exportable


def test_pretrained_parameters_are_those_of_the_body() -> None:
    backbone = make_backbone("resnet10t")
    assert [id(one) for one in backbone.pretrained_parameters()] == [id(one) for one in backbone.parameters()]


@pytest.mark.parametrize("name", ["twins_svt_small", "pvt_v2_b0", "mvitv2_tiny"])
def test_attention_to_a_reduced_map_is_not_exported(name: str) -> None:
    with torch.device("meta"):
        assert "attention to a reduced map" in str(make_backbone(name).unexportable)
