"""What every architecture must do: one class of tests, inherited by each."""

import math
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from sceneparse.errors import UserError
from sceneparse.networks import FCN, DeepLabV3, MultiLabelPSPNet, Output, PSPNet, SceneParser, UPerNet
from sceneparse.networks.backbones import make_backbone

CLASSES = 5


class Architecture:
    network: ClassVar[type[SceneParser]]
    output_stride: ClassVar[int] = 8
    logits_stride: ClassVar[int] = 8
    aux_stride: ClassVar[int] = 8
    backbone: ClassVar[str] = "resnet10t"

    def make(self, in_channels: int = 3, **options: Any) -> SceneParser:
        torch.manual_seed(0)
        backbone = make_backbone(self.backbone, output_stride=self.output_stride, in_channels=in_channels)
        return self.network(backbone, CLASSES, **{"channels": 32, **options})

    @pytest.mark.parametrize("size", [(64, 64), (65, 97), (47, 33), (31, 130)])
    def test_any_size_gives_logits_at_the_networks_stride(self, size: tuple[int, int]) -> None:
        network = self.make().eval()
        with torch.inference_mode():
            output = network(torch.randn(2, 3, *size))
        assert isinstance(output, Output)
        assert tuple(output.logits.shape) == (2, CLASSES, *(math.ceil(side / self.logits_stride) for side in size))
        assert output.logits.isfinite().all()

    def test_the_auxiliary_head_works_in_training_mode_only(self) -> None:
        network = self.make()
        images = torch.randn(2, 3, 65, 49)
        aux = network.train()(images).aux
        assert tuple(aux.shape) == (2, CLASSES, math.ceil(65 / self.aux_stride), math.ceil(49 / self.aux_stride))
        assert network.eval()(images).aux is None
        assert self.make(aux=False).train()(images).aux is None

    def test_a_batch_of_one_can_be_trained_on(self) -> None:
        network = self.make().train()
        output = network(torch.randn(1, 3, 65, 65))
        assert output.logits.isfinite().all()
        output.logits.sum().backward()
        assert all(weight.grad is None or weight.grad.isfinite().all() for weight in network.parameters())

    def test_gradients_reach_every_parameter(self) -> None:
        network = self.make(dropout=0.0).train()
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):  # timm starts the last one of each residual block with zeros
                nn.init.ones_(layer.weight)
        output = network(torch.randn(2, 3, 65, 97))
        (output.logits.square().mean() + output.aux.square().mean()).backward()
        idle = [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
        assert idle == []

    def test_four_input_channels_work(self) -> None:
        assert self.make(in_channels=4).eval()(torch.randn(1, 4, 33, 33)).logits.isfinite().all()

    def test_a_state_dict_round_trip_keeps_every_score(self) -> None:
        first = self.make().eval()
        second = self.make()
        for weight in second.parameters():
            nn.init.constant_(weight, 0.5)
        second.load_state_dict(first.state_dict())
        images = torch.randn(1, 3, 65, 33)
        assert torch.equal(second.eval()(images).logits, first(images).logits)

    def test_parameters_outside_the_backbone_are_the_heads(self) -> None:
        groups = {name.split(".")[0] for name, _ in self.make().named_parameters()}
        assert {"backbone", "head", "aux_head"} <= groups

    def test_new_layers_keep_the_scale_of_what_goes_through(self) -> None:
        for name, layer in self.make(channels=128).named_modules():
            if isinstance(layer, nn.Conv2d) and not name.startswith("backbone"):
                expected = math.sqrt(2 / layer.weight[0].numel())
                assert float(layer.weight.detach().std()) == pytest.approx(expected, rel=0.15), name
                assert layer.bias is None or not layer.bias.any()

    def test_dropout_acts_before_the_classifiers_in_training_only(self) -> None:
        network = self.make(dropout=0.5)
        rates = [layer.p for layer in network.modules() if isinstance(layer, nn.Dropout2d)]
        assert rates == [0.5, 0.5]
        images = torch.randn(2, 3, 33, 33)
        network.eval()
        assert torch.equal(network(images).logits, network(images).logits)

    def test_it_can_be_exported(self) -> None:
        network = self.make().eval()
        images = torch.randn(1, 3, 49, 65)
        exported = torch.export.export(network, (images,)).module()
        torch.testing.assert_close(exported(images).logits, network(images).logits, rtol=1e-4, atol=1e-5)


class TestPSPNet(Architecture):
    network = PSPNet

    def test_473_gives_60(self) -> None:
        with torch.device("meta"):
            network = PSPNet(make_backbone("resnet50s", output_stride=8), 150, align_corners=True).eval()
            assert network(torch.empty(1, 3, 473, 473)).logits.shape == (1, 150, 60, 60)
            assert network.train()(torch.empty(2, 3, 473, 473)).aux.shape == (2, 150, 60, 60)

    def test_pspnet50_has_the_parameters_of_the_original_release(self) -> None:
        """semseg's PSPNet(layers=50, classes=7) holds 49,129,934 floats, batch norm statistics included."""
        with torch.device("meta"):
            network = PSPNet(make_backbone("resnet50s", output_stride=8), 7)
        numbers = [value.numel() for value in network.state_dict().values() if value.is_floating_point()]
        assert sum(numbers) == 49_129_934
        branches: list[Any] = list(network.pyramid.branches)
        aux_head: Any = network.aux_head
        assert network.pyramid.channels == [2048, 512, 512, 512, 512]
        assert [branch.conv.weight.shape for branch in branches] == [(512, 2048, 1, 1)] * 4
        assert aux_head.layer.conv.weight.shape == (256, 1024, 3, 3)

    def test_without_reduction_the_pooled_maps_keep_their_channels(self) -> None:
        network: Any = self.make(reduce=False)
        assert network.pyramid.channels == [512] * 5
        assert not list(network.pyramid.parameters())
        assert network.eval()(torch.randn(1, 3, 65, 65)).logits.isfinite().all()

    @pytest.mark.parametrize("change", [{"bins": (1,)}, {"pool": "max"}, {"reduce": False}])
    def test_the_settings_of_the_papers_ablation_change_the_scores(self, change: dict[str, Any]) -> None:
        images = torch.randn(1, 3, 65, 65)
        plain, changed = self.make().eval(), self.make(**change).eval()
        fitting = {
            name: value
            for name, value in plain.state_dict().items()
            if name in changed.state_dict() and changed.state_dict()[name].shape == value.shape
        }
        changed.load_state_dict(fitting, strict=False)
        assert not torch.allclose(plain(images).logits, changed(images).logits)

    def test_align_corners_changes_how_the_grids_are_resized(self) -> None:
        images = torch.randn(1, 3, 65, 65)
        plain, aligned = self.make().eval(), self.make(align_corners=True).eval()
        aligned.load_state_dict(plain.state_dict())
        assert not torch.allclose(plain(images).logits, aligned(images).logits)


class TestFCN(Architecture):
    network = FCN

    def test_it_has_the_parameters_of_torchvisions(self) -> None:
        """torchvision's fcn_resnet50(num_classes=7, aux_loss=True) holds 35,366,094 floats."""
        with torch.device("meta"):
            network = FCN(make_backbone("resnet50", output_stride=8), 7)
        numbers = [value.numel() for value in network.state_dict().values() if value.is_floating_point()]
        assert sum(numbers) == 35_366_094


class TestUPerNet(Architecture):
    network = UPerNet
    output_stride = 32
    logits_stride = 4
    aux_stride = 16

    def test_levels_have_strides_4_to_32_finest_first(self) -> None:
        network: Any = self.make().eval()
        levels = network.merge(network.backbone(torch.randn(1, 3, 97, 65)))
        assert [tuple(level.shape[1:]) for level in levels] == [(32, 25, 17), (32, 13, 9), (32, 7, 5), (32, 4, 3)]

    def test_a_stage_reaches_its_own_level_and_the_finer_ones(self) -> None:
        network: Any = self.make().eval()
        features = network.backbone(torch.randn(1, 3, 64, 64))
        before = network.merge(features)
        for stage, maps in enumerate(features):
            after = network.merge([*features[:stage], torch.randn_like(maps), *features[stage + 1 :]])
            same = [torch.equal(level, other) for level, other in zip(before, after, strict=True)]
            assert same == [level > stage for level in range(4)]


class TestMobileNetPSPNet(TestPSPNet):
    """A narrow backbone of depthwise convolutions."""

    backbone = "mobilenetv2_035"

    def test_without_reduction_the_pooled_maps_keep_their_channels(self) -> None:
        network: Any = self.make(reduce=False)
        assert network.pyramid.channels == [112] * 5

    def test_a_narrow_stage_3_has_an_auxiliary_head_of_64(self) -> None:
        aux_head: Any = self.make().aux_head
        assert aux_head.layer.conv.weight.shape[0] == 64


class TestDeepLabV3(Architecture):
    network = DeepLabV3

    def test_dropout_acts_before_the_classifiers_in_training_only(self) -> None:
        network: Any = self.make(dropout=0.5)
        assert network.dropout.p == network.aux_head.dropout.p == 0.5

    def test_it_has_the_parameters_of_torchvisions(self) -> None:
        """torchvision's deeplabv3_resnet50(num_classes=21, aux_loss=True) holds 42,004,074 parameters."""
        with torch.device("meta"):
            network = DeepLabV3(make_backbone("resnet50", output_stride=8), 21)
        assert sum(weight.numel() for weight in network.parameters()) == 42_004_074

    @pytest.mark.parametrize(("stride", "rates"), [(8, [12, 24, 36]), (16, [6, 12, 18])])
    def test_rates_follow_the_output_stride(self, stride: int, rates: list[int]) -> None:
        network: Any = DeepLabV3(make_backbone(self.backbone, output_stride=stride), 3, channels=8)
        assert [layer.conv.dilation[0] for layer in network.pyramid.atrous] == rates
        with pytest.raises(UserError, match="output stride 32"):
            DeepLabV3(make_backbone(self.backbone), 3)

    def test_the_exact_form_gives_the_plain_scores(self) -> None:
        exact, plain = self.make().eval(), self.make(resampling="plain").eval()
        images = torch.randn(2, 3, 65, 49)
        torch.testing.assert_close(exact(images).logits, plain(images).logits, rtol=1e-4, atol=1e-5)


class TestMultiLabelPSPNet(Architecture):
    network = MultiLabelPSPNet

    @pytest.mark.parametrize("size", [(64, 64), (65, 97), (47, 33), (31, 130)])
    def test_any_size_gives_logits_at_the_networks_stride(self, size: tuple[int, int]) -> None:
        with torch.inference_mode():
            output = self.make().eval()(torch.randn(2, 3, *size))
        assert tuple(output.logits.shape) == (2, CLASSES, *(8 * math.ceil(side / 8) for side in size))
        assert output.logits.isfinite().all()

    def test_the_auxiliary_head_works_in_training_mode_only(self) -> None:
        """It has none: what classifies the picture is an output, in every mode."""
        network = self.make()
        images = torch.randn(2, 3, 65, 49)
        for mode in (True, False):
            output = network.train(mode)(images)
            assert output.aux is None and output.image.shape == (2, CLASSES)
        assert self.make(aux=False)(images).image is None

    def test_gradients_reach_every_parameter(self) -> None:
        network = self.make(dropout=0.0).train()
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                nn.init.ones_(layer.weight)
        output = network(torch.randn(2, 3, 65, 97))
        (output.logits.square().mean() + output.image.square().mean()).backward()
        idle = [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
        assert idle == []

    def test_parameters_outside_the_backbone_are_the_heads(self) -> None:
        groups = {name.split(".")[0] for name, _ in self.make().named_parameters()}
        assert groups == {"backbone", "pyramid", "mix", "steps", "classifier", "image_head"}

    def test_new_layers_keep_the_scale_of_what_goes_through(self) -> None:
        network: Any = self.make(channels=128)
        for layer in network.steps:
            expected = math.sqrt(2 / layer.conv.weight[0].numel())
            assert float(layer.conv.weight.detach().std()) == pytest.approx(expected, rel=0.15)
        assert not network.mix.bias.any()

    def test_dropout_acts_before_the_classifiers_in_training_only(self) -> None:
        network: Any = self.make(dropout=0.5)
        assert (network.mix_dropout.p, network.step_dropout.p) == (0.5, 0.25)

    def test_the_picture_is_judged_by_the_maxima_of_stage_3(self) -> None:
        network: Any = self.make().eval()
        features = network.backbone(torch.randn(1, 3, 64, 64))
        expected = network.image_head.classifier(network.image_head.hidden(features[2].amax((2, 3))).relu())
        torch.testing.assert_close(network.image_head(features[2]), expected)


def test_the_base_says_which_network_has_no_decoder() -> None:
    class Nothing(SceneParser):
        pass

    network = Nothing(make_backbone("resnet10t"), 2, aux=False, aux_channels=None, dropout=0.0, align_corners=False)
    images: Tensor = torch.randn(1, 3, 32, 32)
    with pytest.raises(NotImplementedError, match="Nothing"):
        network.eval()(images)
