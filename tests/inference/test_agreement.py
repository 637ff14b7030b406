"""In bfloat16 the engines keep at least as many of float32's labels as the network as written does under autocast."""

from collections.abc import Callable
from importlib.util import find_spec

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneparse.inference import TorchEngine
from sceneparse.inference.openvino_engine import OpenVINOEngine
from sceneparse.networks import FCN, PSPNet, SceneParser, UnifiedUPerNet, UPerNet, normalize, resize
from sceneparse.networks.backbones import make_backbone
from sceneparse.networks.exact.convolution import Resampling
from sceneparse.settings import Precision, PreprocessingSettings
from tests.support.gpus import NEEDS_CUDA

CLASSES, SIDE, PICTURES = 12, 129, 6

MAPS = ("logits", "part", "material", "texture")


def fcn(_: Resampling) -> SceneParser:
    return FCN(make_backbone("test_resnet", output_stride=8), CLASSES, channels=32)


def pspnet(resampling: Resampling) -> SceneParser:
    return PSPNet(make_backbone("test_resnet", output_stride=8), CLASSES, channels=32, resampling=resampling)


def upernet(resampling: Resampling) -> SceneParser:
    return UPerNet(make_backbone("test_resnet"), CLASSES, channels=32, resampling=resampling)


def levels(resampling: Resampling) -> SceneParser:
    """An UPerNet without the pyramid pooling, which takes half of a conversion's time."""
    return UPerNet(make_backbone("test_resnet"), CLASSES, channels=32, resampling=resampling, bins=())


def unified(resampling: Resampling) -> SceneParser:
    return UnifiedUPerNet(
        make_backbone("test_resnet"),
        CLASSES,
        scenes=4,
        parts=CLASSES,
        materials=CLASSES,
        textures=CLASSES,
        channels=32,
        resampling=resampling,
        pool="precise",
    )


Make = Callable[[Resampling], SceneParser]

NETWORKS: dict[str, Make] = {"fcn": fcn, "pspnet": pspnet, "upernet": upernet, "unified": unified}


def pictures() -> Tensor:
    """Smooth colours under noise, (PICTURES, 3, SIDE, SIDE) uint8."""
    torch.manual_seed(1)
    smooth = F.interpolate(255 * torch.rand(PICTURES, 3, 7, 7), (SIDE, SIDE), mode="bicubic")
    return (smooth + 8 * torch.randn(smooth.shape)).clamp(0, 255).round().to(torch.uint8)


def maps_of(output: object) -> list[Tensor]:
    """The maps of logits that a network, or an engine's heads, give."""
    return [maps.float() for name in MAPS if (maps := getattr(output, name, None)) is not None]


def pair(make: Make, steps: int) -> tuple[SceneParser, SceneParser]:
    """A network as written and in the exact form, of equal weights, after so many steps of training."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # what is trained depends on how sums are shared out
    try:
        return _trained(make, steps)
    finally:
        torch.set_num_threads(threads)


def _trained(make: Make, steps: int) -> tuple[SceneParser, SceneParser]:
    torch.manual_seed(0)
    plain = make("plain").train()
    pixels = normalize(pictures().float(), [0.45], [0.225])
    # What is learnt: bands of brightness, of the picture and of each colour.
    shades = torch.stack([pixels.mean(dim=1), *pixels.unbind(dim=1)])
    truth = ((shades - shades.min()) / (shades.max() - shades.min()) * (CLASSES - 0.01)).long()
    optimizer = torch.optim.AdamW(plain.parameters(), lr=2e-3)
    for _ in range(steps):
        found = maps_of(plain(pixels))
        losses = [F.cross_entropy(resize(maps, (SIDE, SIDE), False), truth[i]) for i, maps in enumerate(found)]
        optimizer.zero_grad()
        torch.stack(losses).sum().backward()
        optimizer.step()
    for module in plain.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    with torch.no_grad():
        plain(pixels)
    exact = make("exact")
    exact.load_state_dict(plain.state_dict())
    return plain.eval(), exact.eval()


def changed(found: list[Tensor], truth: list[Tensor]) -> int:
    """How many pixels of the upsampled labels are not those of the truth."""
    pairs = zip(found, truth, strict=True)
    labels = [[resize(one, (SIDE, SIDE), False).argmax(dim=1) for one in pair] for pair in pairs]
    return sum(int((here != there).sum()) for here, there in labels)


def error(found: list[Tensor], truth: list[Tensor]) -> float:
    """The mean square of the scores' error, relative to their variance."""
    return sum(float((here - there).square().mean() / there.var()) for here, there in zip(found, truth, strict=True))


def scored(
    network: SceneParser, preprocessing: PreprocessingSettings, precision: Precision, device: str = "cpu"
) -> list[Tensor]:
    """The scores of all pictures by PyTorch's engine, for every task that has a map, on the CPU."""
    engine = TorchEngine(network, preprocessing, device=device, precision=precision)
    if not isinstance(network, UnifiedUPerNet):
        return [engine(pictures()).cpu()]
    return [one.cpu() for one in maps_of(engine.heads(pictures(), network.tasks))]


IN_HARDWARE = pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="bfloat16 is emulated on this processor, or not there"
)


@pytest.mark.parametrize("device", [pytest.param("cpu", marks=IN_HARDWARE), pytest.param("cuda", marks=NEEDS_CUDA)])
@pytest.mark.parametrize("steps", [0, 25], ids=["random", "trained"])
@pytest.mark.parametrize("name", NETWORKS)
def test_no_more_labels_change_than_with_the_network_as_written(name: str, steps: int, device: str) -> None:
    plain, exact = pair(NETWORKS[name], steps)
    preprocessing = PreprocessingSettings()
    pixels = normalize(pictures().float(), preprocessing.mean, preprocessing.std)
    with torch.inference_mode():
        truth = maps_of(plain(pixels))
        with torch.autocast(device, torch.bfloat16):
            written = [one.cpu() for one in maps_of(plain.to(device)(pixels.to(device)))]
    found = scored(exact, preprocessing, "bfloat16", device)
    same = scored(exact, preprocessing, "float32", device)
    assert 0 < changed(found, truth) <= changed(written, truth)
    # The error of a PSPNet with random weights is 1.035² times that of the network as written.
    assert error(found, truth) <= 1.1 * error(written, truth)
    assert changed(found, truth) <= 1.1 * changed(scored(plain, preprocessing, "bfloat16", device), truth)
    # Of float32's labels 99.99% at the least.
    assert changed(same, truth) <= 3


@pytest.mark.skipif(not find_spec("openvino"), reason="OpenVINO is not installed")
@IN_HARDWARE
def test_openvinos_scores_are_no_further_off_either() -> None:
    # Where a graph works out positions in bfloat16, maps of more than a few cells are resized askew.
    plain, exact = pair(levels, 25)
    preprocessing = PreprocessingSettings()
    pixels = normalize(pictures().float(), preprocessing.mean, preprocessing.std)
    with torch.inference_mode():
        truth = plain(pixels).logits
        with torch.autocast("cpu", torch.bfloat16):
            written = plain(pixels).logits.float()
    found = OpenVINOEngine.of(exact, preprocessing, precision="bfloat16")(pictures())
    assert error([found], [truth]) <= error([written], [truth])
