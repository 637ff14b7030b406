"""What follows a convolution is computed with it, where nothing else is between, and the answer stays."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sceneparse.inference.epilogues import Epilogues, find_epilogues
from sceneparse.inference.lowering import lower_precision
from sceneparse.inference.program import prepared
from sceneparse.networks import PSPNet, SceneParser, UPerNet
from sceneparse.networks.backbones import make_backbone
from sceneparse.networks.exact.full_bias import Bounds, FullBiasConv2d
from tests.support.gpus import needs_cuda


def network(kind: type[PSPNet] | type[UPerNet], backbone: str) -> SceneParser:
    torch.manual_seed(0)
    made = kind(make_backbone(backbone, output_stride=8 if kind is PSPNet else 32), 5, channels=16).eval()
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):  # as after a training: no norm is what it begins as
            nn.init.uniform_(module.running_mean, -0.5, 0.5)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 2.0)  # type: ignore[arg-type]
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return made


def lowered(given: SceneParser, *, fuse: bool) -> tuple[SceneParser, int]:
    """The network in bfloat16, as an engine makes it, and how many convolutions compute what follows them."""
    made, *_ = prepared(given, 3)
    found = find_epilogues(made, 3) if fuse else Epilogues([], [])
    lower_precision(made, torch.bfloat16)
    return made, found.fuse()


def scores(made: nn.Module, pictures: Tensor) -> Tensor:
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        return made(pictures).logits.float()


@pytest.mark.parametrize(
    ("kind", "backbone", "convolutions"),
    [
        # Stem, two blocks of two in each of four stages, pyramid; of the UPerNet the FPN's layers, too.
        (PSPNet, "resnet18", 1 + 4 * 2 * 2 + 4),
        (UPerNet, "resnet18", 1 + 4 * 2 * 2 + 4 + 3 + 3),
        (PSPNet, "resnet26", 1 + 4 * 2 * 3 + 4),
        (PSPNet, "mobilenetv2_050", 1 + 16 * 2 + 1 + 4),
    ],
)
def test_scores_stay_those_of_the_network(kind: Any, backbone: str, convolutions: int) -> None:
    given, pictures = network(kind, backbone), torch.randn(2, 3, 33, 49)
    plain, none = lowered(given, fuse=False)
    fused, some = lowered(given, fuse=True)
    assert (none, some) == (0, convolutions)
    with torch.inference_mode():
        expected = given(pictures).logits
    scale = expected.std()
    before, after = scores(plain, pictures), scores(fused, pictures)
    # On the CPU the sums are rounded as often as before; all that differs is who computes them.
    torch.testing.assert_close(after, before, rtol=0, atol=float(0.02 * scale))
    assert (after - expected).abs().mean() < 0.05 * scale


class Block(nn.Module):
    """Convolutions of which each but the first is followed by something else than its activation alone."""

    def __init__(self) -> None:
        super().__init__()
        self.own, self.seen, self.twice, self.shared = (nn.Conv2d(3, 3, 1) for _ in range(4))
        self.act = nn.ReLU(inplace=True)
        self.seen_act, self.twice_act, self.both, self.gelu = nn.ReLU(), nn.ReLU(), nn.ReLU(), nn.GELU()
        self.last = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, 3, h, w)."""
        x = self.act(self.own(x))
        y = self.seen(x)
        x = self.seen_act(y) + y  # what is before the activation is read besides
        x = self.twice_act(self.twice(F.relu(self.twice(x))))  # the convolution runs twice
        x = self.both(self.shared(x))
        x = self.both(x + 1)  # the activation runs twice
        return self.gelu(self.last(x))


def test_what_is_read_or_runs_besides_stays_as_it_is() -> None:
    torch.manual_seed(0)
    block = Block().eval()
    found = find_epilogues(block, 3)
    assert [(one.convolution, one.name, one.bounds) for one in found.activated] == [(block.own, "act", Bounds(0.0))]
    assert not found.residual
    # In float32 there is nothing to fuse.
    assert found.fuse() == 0 and isinstance(block.act, nn.ReLU)


class Returning(nn.Module):
    """Gives what its first convolution makes beside what an activation makes of it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act = nn.Conv2d(3, 3, 1), nn.ReLU()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (N, 3, h, w)."""
        x = self.conv(x)
        return x, self.act(x)


def test_what_is_returned_or_watched_stays_as_it_is() -> None:
    assert not find_epilogues(Returning().eval(), 3).activated
    for name in ("own", "act"):
        block = Block().eval()
        seen: list[Tensor] = []
        getattr(block, name).register_forward_hook(lambda _, __, out, seen=seen: seen.append(out))
        assert not find_epilogues(block, 3).activated and len(seen) == 1
    watched = prepared(network(PSPNet, "resnet18"), 3)[0]
    blocks = len(find_epilogues(watched, 3).residual)
    watched.backbone.get_submodule("body.layer1.0.act2").register_forward_hook(lambda *_: None)
    assert (blocks, len(find_epilogues(watched, 3).residual)) == (8, 7)


def test_a_convolution_that_pads_otherwise_adds_a_shortcut_too() -> None:
    torch.manual_seed(0)
    convolution = nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect")
    maps, shortcut = torch.randn(2, 4, 6, 5).bfloat16(), torch.randn(2, 4, 6, 5).bfloat16()
    with torch.no_grad():
        convolution.weight.copy_(convolution.weight.bfloat16().float())
        expected = (convolution(maps.float()) + shortcut.float()).clamp(0, 1)
        FullBiasConv2d.become(convolution, torch.bfloat16)
        convolution.bounds = Bounds(0.0, 1.0)  # type: ignore[assignment]
        found = convolution.with_shortcut(maps, shortcut)  # type: ignore[operator]
    torch.testing.assert_close(found.float(), expected, rtol=0, atol=0.02)


@needs_cuda
@pytest.mark.parametrize("kind", [PSPNet, UPerNet])
def test_on_a_gpu_what_follows_convolutions_is_fused(kind: Any) -> None:
    from sceneparse.inference import TorchEngine
    from sceneparse.settings import PreprocessingSettings

    given = network(kind, "resnet26")
    pictures = torch.randint(0, 256, (2, 3, 96, 128), dtype=torch.uint8)
    engine = TorchEngine(given, PreprocessingSettings(), device="cuda", precision="bfloat16")
    assert any(isinstance(m, FullBiasConv2d) and m.bounds != Bounds() for m in engine.network.modules())
    expected = TorchEngine(given, PreprocessingSettings(), device="cuda", precision="float32")(pictures)
    assert (engine(pictures) - expected).abs().mean() < 0.05 * expected.std()
