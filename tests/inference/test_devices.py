"""Engines on devices that may lack something, with a CPU that is taken for one; and two engines in one process."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sceneparse.devices import arithmetic, precisions, trying
from sceneparse.errors import UserError
from sceneparse.inference import TorchEngine, make_engine, onnx_engine
from sceneparse.inference.onnx_engine import OnnxEngine
from sceneparse.inference.program import Traits
from sceneparse.networks import FCN, SceneParser
from sceneparse.networks.backbones import make_backbone
from sceneparse.settings import PreprocessingSettings

SETTINGS = PreprocessingSettings()


class Picky(FCN):
    """A network with an operator that is missing in some types."""

    def __init__(self, missing: tuple[torch.dtype, ...]) -> None:
        super().__init__(make_backbone("resnet10t"), 3, channels=8)
        self.missing = missing

    def forward(self, images: Tensor) -> Any:
        """Fail where the convolutions' weights are of such a type."""
        if next(one.weight for one in self.modules() if isinstance(one, nn.Conv2d)).dtype in self.missing:
            raise NotImplementedError("The operator 'aten::col2im' is not currently implemented for the CPU device.")
        return super().forward(images)


@pytest.fixture
def unsure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "UNSURE", {"cpu"})
    monkeypatch.setattr(precisions, "fast_bfloat16", lambda _: True)


def made(network: SceneParser, **how: Any) -> TorchEngine:
    return TorchEngine(network, SETTINGS, device="cpu", **how)


@pytest.mark.usefixtures("unsure")
def test_auto_gives_way_to_float32_where_bfloat16_fails_and_says_so_once(capsys: pytest.CaptureFixture[str]) -> None:
    engine = made(Picky((torch.bfloat16,)).eval())
    assert engine.precision == "float32" and ", float32," in engine.describe()
    images = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    assert torch.equal(engine(images), TorchEngine.live(engine.network, SETTINGS, precision="float32")(images))
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and said[0].startswith("note: bfloat16 does not work on cpu (The operator 'aten::col2im'")
    assert made(Picky(()).eval()).precision == "bfloat16"
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("unsure")
def test_an_operator_that_is_missing_is_found_at_load() -> None:
    with pytest.raises(UserError, match=r"cpu lacks an operator that this network needs, aten::col2im: set .* or use"):
        made(Picky((torch.bfloat16, torch.float32)).eval())


def test_a_cpu_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TorchEngine, "_try", lambda _: pytest.fail("it was tried"))
    made(Picky(()).eval())


def test_two_engines_in_one_process_each_compute_in_their_own_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precisions, "has_tf32", lambda _: True)
    seen: list[tuple[str, str]] = []

    class Watched(FCN):
        called = ""

        def forward(self, images: Tensor) -> Any:
            seen.append((self.called, torch._C._get_fp32_precision_getter("cuda", "conv")))
            return super().forward(images)

    engines = []
    for name in ("float32", "tf32", "bfloat16"):
        network = Watched(make_backbone("resnet10t"), 3, channels=8).eval()
        network.called = name
        engines.append(made(network, precision=name))
    seen.clear()
    before = arithmetic._State.now()
    for engine in (*engines, *reversed(engines)):
        engine(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
    wanted = {"float32": "ieee", "tf32": "tf32", "bfloat16": "ieee"}
    assert len(seen) == 6 and all(wanted[name] == found for name, found in seen)
    assert arithmetic._State.now() == before
    assert [engine.precision for engine in engines] == list(wanted) and ", tf32," in engines[1].describe()


@pytest.mark.parametrize("engine", ["auto", "torch", "compile"])
def test_tf32_is_refused_on_the_cpu(engine: Any) -> None:
    network = FCN(make_backbone("resnet10t"), 3, channels=8).eval()
    with pytest.raises(UserError, match=r"^precision tf32 is not there on the CPU: "):
        make_engine(network, SETTINGS, engine=engine, device="cpu", precision="tf32")


@pytest.mark.parametrize(("precision", "wanted"), [("auto", 0), ("float32", 0), ("tf32", 1)])
def test_onnx_runtime_does_not_compute_float32_in_tf32(
    monkeypatch: pytest.MonkeyPatch, precision: Any, wanted: int
) -> None:
    given: dict[str, Any] = {}

    def session(_: bytes, __: Any, *, providers: list[Any]) -> None:
        given.update(providers[0][1])

    runtime = SimpleNamespace(
        __version__="1",
        SessionOptions=SimpleNamespace,
        InferenceSession=session,
        get_available_providers=lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"],
    )
    monkeypatch.setattr(onnx_engine, "installed", lambda: (runtime, None))
    monkeypatch.setattr(onnx_engine, "choose_device", torch.device)
    monkeypatch.setattr(precisions, "has_tf32", lambda _: True)
    model: Any = SimpleNamespace(
        graph=SimpleNamespace(output=[SimpleNamespace(name="logits")]), SerializeToString=lambda: b""
    )
    network = FCN(make_backbone("resnet10t"), 3, channels=8)
    engine = OnnxEngine(model, Traits.of(network, SETTINGS), device="cuda:1", precision=precision)
    assert given == {"device_id": 1, "use_tf32": wanted}
    assert engine.describe().endswith("on cuda:1, tf32" if wanted else "on cuda:1, float32")


def test_onnx_runtime_leaves_apples_gpus_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = SimpleNamespace(get_available_providers=lambda: ["CPUExecutionProvider"])
    monkeypatch.setattr(onnx_engine, "installed", lambda: (runtime, None))
    monkeypatch.setattr(onnx_engine, "choose_device", lambda _: torch.device("mps"))
    assert OnnxEngine.check("auto", "auto") == torch.device("cpu")
    with pytest.raises(UserError, match="onnxruntime computes on the CPU and on CUDA, not on 'mps'; use device='cpu'"):
        OnnxEngine.check("mps", "auto")
