"""What only a GPU shows: that float32 is float32 there, and TF32 something else."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sceneparse.devices import choose_device, choose_precision, device_name, float32_products, memory, wait
from sceneparse.devices.precisions import has_tf32
from sceneparse.inference import TestProtocol, TorchEngine, label
from sceneparse.networks import FCN, PSPNet, SceneParser, UPerNet
from sceneparse.networks.backbones import make_backbone
from sceneparse.settings import PreprocessingSettings

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

CUDA = torch.device("cuda")


def operands(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(len(shape)), dtype=torch.float64) - 0.5


def error(compute: Callable[..., Tensor], *given: Tensor) -> float:
    """How far float32 on the GPU is from float64 on the CPU, relative to the largest value."""
    exact = compute(*given)
    found = compute(*(one.float().to(CUDA) for one in given)).cpu().double()
    return float((found - exact).abs().max() / exact.abs().max())


@pytest.mark.parametrize(
    ("compute", "given"),
    [
        (torch.matmul, (operands(512, 1024), operands(1024, 512)[:, :512])),
        (torch.bmm, (operands(4, 256, 512), operands(4, 512, 256))),
        (F.conv2d, (operands(2, 256, 32, 32), operands(256, 256, 3, 3))),
        (F.conv2d, (operands(2, 512, 32, 32), operands(256, 512, 1, 1))),
    ],
)
def test_products_are_float32s_but_in_tf32(compute: Callable[..., Tensor], given: tuple[Tensor, ...]) -> None:
    with float32_products("float32"):
        assert error(compute, *given) < 5e-6
    if has_tf32(CUDA):
        with float32_products("tf32"):
            assert error(compute, *given) > 2e-5
    with float32_products("bfloat16"):
        assert error(compute, *given) < 5e-6


def test_gradients_of_convolutions_are_float32s() -> None:
    def gradient(images: Tensor, weight: Tensor) -> Tensor:
        weight = weight.clone().requires_grad_()
        F.conv2d(images, weight, padding=1).square().sum().backward()
        assert weight.grad is not None
        return weight.grad

    with float32_products("float32"):
        assert error(gradient, operands(2, 64, 24, 24), operands(64, 64, 3, 3)) < 1e-5


@pytest.fixture(scope="module", params=["pspnet", "upernet", "fcn"])
def network(request: pytest.FixtureRequest) -> SceneParser:
    torch.manual_seed(0)
    build: dict[str, Callable[[], SceneParser]] = {
        "pspnet": lambda: PSPNet(make_backbone("resnet18", output_stride=8), 20, channels=64),
        "upernet": lambda: UPerNet(make_backbone("resnet18", output_stride=32), 20, channels=64),
        "fcn": lambda: FCN(make_backbone("resnet18", output_stride=8), 20, channels=64),
    }
    return build[request.param]().eval()


def test_labels_in_float32_are_those_of_the_cpu(network: SceneParser) -> None:
    image = torch.randint(0, 256, (3, 193, 161), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    settings, protocol = PreprocessingSettings(), TestProtocol()
    expected = label(TorchEngine(network, settings, device="cpu", precision="float32"), image, protocol)
    exact = TorchEngine(network, settings, device=CUDA, precision="float32")
    found = label(exact, image, protocol)
    assert float((found == expected).float().mean()) >= 0.9999
    assert device_name(CUDA) in exact.describe() and ", float32," in exact.describe()
    if has_tf32(CUDA):
        rounded = TorchEngine(network, settings, device=CUDA, precision="tf32")
        logits = [engine(image[None]) for engine in (exact, rounded, exact)]
        # In turns in one process, each in its own.
        assert torch.equal(logits[0], logits[2]) and not torch.equal(logits[0], logits[1])


def test_auto_is_the_gpu_in_bfloat16_where_it_has_it() -> None:
    assert choose_device() == CUDA
    assert choose_precision(CUDA) == ("bfloat16" if torch.cuda.get_device_capability() >= (8, 0) else "float32")


def test_the_gpu_says_what_is_taken_of_its_memory() -> None:
    memory.give_back(CUDA)
    memory.forget_peak(CUDA)
    before = memory.allocated(CUDA)
    held = torch.empty(1 << 22, device=CUDA)
    wait(CUDA)
    assert memory.peak_allocated(CUDA) - before >= held.nbytes <= memory.peak_reserved(CUDA)
    del held
    assert memory.available(CUDA) > 1 << 22 and memory.tells_memory(CUDA)
