"""Every engine gives PyTorch's scores, for any size and batch."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from sceneparse.errors import UserError
from sceneparse.inference import Engine, TorchEngine, make_engine, openvino_engine
from sceneparse.inference import choosing as choosing_room
from sceneparse.inference.choosing import EngineName
from sceneparse.inference.graphs import Graphs
from sceneparse.inference.program import ConversionError, Program
from sceneparse.networks import SceneParser
from sceneparse.settings import BackboneSettings, NetworkSettings, PreprocessingSettings
from sceneparse.settings.engine import ENGINE_NAMES
from sceneparse.weights.build import build
from tests.support.engines import converted_network
from tests.support.graphs import Player
from tests.support.slow import slow

NAMES: tuple[EngineName, ...] = ("openvino", "onnxruntime")  # as their packages are called
OTHERS = [name for name in NAMES if find_spec(name)]
needs_openvino = pytest.mark.skipif("openvino" not in OTHERS, reason="OpenVINO is not installed")


@pytest.fixture(scope="module")
def network() -> SceneParser:
    return converted_network()


@pytest.fixture(scope="module")
def engines(network: SceneParser) -> dict[str, Engine]:
    return {name: make_engine(network, PreprocessingSettings(), engine=name, precision="float32") for name in OTHERS}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("size", [(1, 64, 64), (1, 97, 131), (2, 90, 71), (1, 33, 200)])
def test_scores_are_pytorchs(
    name: str, size: tuple[int, int, int], network: SceneParser, engines: dict[str, Engine]
) -> None:
    count, height, width = size
    images = torch.randint(0, 256, (count, 3, height, width), dtype=torch.uint8)
    expected = TorchEngine(network, PreprocessingSettings(), precision="float32")(images)
    for given in (images, images.float()):
        scores = engines[name](given)
        assert scores.dtype == torch.float32 and scores.shape == expected.shape
        assert float((scores - expected).abs().max() / expected.abs().max()) < 1e-5


@pytest.mark.parametrize("name", OTHERS)
def test_scores_stay_when_the_next_picture_is_scored(name: str, engines: dict[str, Engine]) -> None:
    first = engines[name](torch.zeros(1, 3, 64, 64))
    before = first.clone()
    engines[name](torch.full((1, 3, 64, 64), 255.0))
    assert torch.equal(first, before)


@pytest.mark.parametrize("name", OTHERS)
def test_threads_that_share_an_engine_have_their_own_scores(name: str, engines: dict[str, Engine]) -> None:
    pictures = [torch.full((1, 3, 64, 64), 60.0 * number) for number in range(4)]
    alone = [engines[name](picture) for picture in pictures]
    with ThreadPoolExecutor(4) as threads:
        for _ in range(5):
            for found, expected in zip(threads.map(engines[name], pictures * 4), alone * 4, strict=True):
                torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", OTHERS)
def test_pictures_too_small_for_it_are_refused(name: str, engines: dict[str, Engine]) -> None:
    with pytest.raises(UserError, match=r"at least 33 pixels a side, not 32×90; use engine='torch'"):
        engines[name](torch.zeros(1, 3, 32, 90))


@pytest.mark.parametrize("name", OTHERS)
def test_it_says_what_it_is(name: str, engines: dict[str, Engine]) -> None:
    engine = engines[name]
    assert engine.name == name and engine.precision == "float32" and "float32" in engine.describe()
    assert tuple(engine.padding_color) == pytest.approx([255 * value for value in PreprocessingSettings().mean])


def test_a_compiled_network_gives_the_same() -> None:
    torch.manual_seed(0)
    # What is compiled soonest: six convolutions and a grid that is resized.
    settings = NetworkSettings(channels=8, aux=False, stages=2, output_stride=8, bins=(2,))
    network = build(BackboneSettings("test_efficientnet"), settings, 5).eval()
    images = torch.randint(0, 256, (1, 3, 64, 48), dtype=torch.uint8)
    expected = TorchEngine(network, PreprocessingSettings(), precision="float32")(images)
    torch._dynamo.reset()
    engine = make_engine(network, PreprocessingSettings(), engine="compile", precision="float32")
    assert isinstance(engine, TorchEngine)
    player = Player()
    engine.graphs = Graphs(player)  # as on a GPU, where what was compiled is recorded
    scores = [engine(images) for _ in range(4)]
    made = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    assert engine.name == "compile" and made >= 1
    assert len(player.recorded) == 1 and player.played == 2
    assert ", compiled, CUDA graphs, " in engine.describe()
    for one in scores:
        torch.testing.assert_close(one, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("bins", [(4,), pytest.param((1, 4, 7), marks=slow)])
def test_max_pooling_and_same_padding_are_right_at_every_size(bins: tuple[int, ...]) -> None:
    """What exporters get wrong: cells that depend on the size, and padding that depends on it."""
    if not OTHERS:
        pytest.skip("no other runtime is installed")
    torch.manual_seed(0)
    network = build(
        BackboneSettings("test_efficientnet", padding="same"),
        NetworkSettings(channels=8, aux=False, pool="max", bins=bins, stages=3, output_stride=8),
        3,
    )
    engine = make_engine(network, PreprocessingSettings(), engine="openvino", precision="float32")
    torch_engine = TorchEngine(network, PreprocessingSettings(), precision="float32")
    for height, width in ((64, 81), (97, 40), (33, 130)):
        images = torch.randint(0, 256, (1, 3, height, width))
        expected = torch_engine(images)
        assert float((engine(images) - expected).abs().max() / expected.abs().max()) < 1e-5


class TestAuto:
    @needs_openvino
    def test_on_a_processor_it_is_openvino(self, network: SceneParser) -> None:
        engine = make_engine(network, PreprocessingSettings(), device="cpu")
        assert engine.name == "openvino"

    @needs_openvino
    def test_pictures_too_small_for_openvino_go_to_torch(self, network: SceneParser) -> None:
        engine = make_engine(network, PreprocessingSettings(), device="cpu", precision="float32")
        images = torch.randint(0, 256, (1, 3, 5, 40))
        expected = TorchEngine(network, PreprocessingSettings(), device="cpu", precision="float32")(images)
        assert torch.equal(engine(images), expected)

    def test_without_openvino_it_is_torch(self, network: SceneParser, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(choosing_room, "find_spec", lambda _: None)
        assert make_engine(network, PreprocessingSettings(), device="cpu").name == "torch"

    def test_what_openvino_cannot_convert_goes_to_torch(
        self, network: SceneParser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> Engine:
            raise ConversionError("OpenVINO cannot export this network")

        monkeypatch.setitem(choosing_room.ENGINES, "openvino", refuse)
        monkeypatch.setattr(choosing_room, "find_spec", lambda _: True)
        assert make_engine(network, PreprocessingSettings(), device="cpu").name == "torch"
        with pytest.raises(ConversionError):
            make_engine(network, PreprocessingSettings(), engine="openvino")


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"engine": "tensorrt"}, "engine 'tensorrt' is unknown: use auto, torch"),
        pytest.param(
            {"engine": "openvino", "precision": "float16"}, "float32 or bfloat16, not in float16", marks=needs_openvino
        ),
        pytest.param(
            {"engine": "openvino", "device": "cuda"}, "computes on the CPU, not on 'cuda'", marks=needs_openvino
        ),
        ({"engine": "openvino", "device": "gpu"}, "device 'gpu' is unknown: use auto, cpu, cuda"),
        ({"engine": "torch", "device": "gpu"}, "device 'gpu' is unknown: use auto, cpu, cuda"),
        ({"engine": "compile", "device": "gpu"}, "device 'gpu' is unknown: use auto, cpu, cuda"),
        ({"device": "gpu"}, "device 'gpu' is unknown: use auto, cpu, cuda"),
        pytest.param(
            {"engine": "onnxruntime", "device": "gpu"},
            "device 'gpu' is unknown: use auto, cpu, cuda",
            marks=pytest.mark.skipif("onnxruntime" not in OTHERS, reason="ONNX Runtime is not installed"),
        ),
        pytest.param(
            {"engine": "onnxruntime", "precision": "bfloat16"},
            "computes in float32, not in bfloat16",
            marks=pytest.mark.skipif("onnxruntime" not in OTHERS, reason="ONNX Runtime is not installed"),
        ),
    ],
)
def test_what_an_engine_cannot_do_is_refused(wish: dict[str, str], message: str, network: SceneParser) -> None:
    with pytest.raises(UserError, match=message):
        make_engine(network, PreprocessingSettings(), **wish)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "package"), [("openvino", "openvino"), ("onnxruntime", "onnxruntime")])
def test_a_missing_package_is_named_with_what_to_install(
    name: str, package: str, network: SceneParser, without: Callable[[str], None]
) -> None:
    without(package)
    with pytest.raises(UserError, match=r"is not installed; do: pip install 'sceneparse\["):
        make_engine(network, PreprocessingSettings(), engine=name)  # type: ignore[arg-type]


@needs_openvino
def test_attention_in_windows_goes_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    network = converted_network()
    reason = "attention in windows cannot be exported"  # as timm's window transformers say
    monkeypatch.setattr(network.backbone, "unexportable", reason)
    assert make_engine(network, PreprocessingSettings(), device="cpu").name == "torch"
    with pytest.raises(ConversionError, match="attention in windows cannot be exported"):
        make_engine(network, PreprocessingSettings(), engine="openvino")


SIGNALLED = """
import signal
import sys
from pathlib import Path
import torch
from sceneparse.inference.openvino_engine import OpenVINOEngine, read
from sceneparse.inference.program import Traits

def opened():
    traits = Traits(3, 5, False, (0.0,) * 3, (1.0,) * 3)
    engine = OpenVINOEngine(read(Path(sys.argv[1])), traits, device="cpu", precision="float32")
    engine(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
    return engine

first, second = opened(), opened()
del first
del second
signal.signal(signal.SIGTERM, lambda *_: print("caught"))
signal.raise_signal(signal.SIGTERM)
"""


@needs_openvino
def test_a_signal_is_survived_after_engines_have_gone_in_the_order_of_their_coming(
    network: SceneParser, tmp_path: Path
) -> None:
    path = tmp_path / "m.xml"
    openvino_engine.installed().save_model(openvino_engine.converted(Program(network, PreprocessingSettings())), path)
    done = subprocess.run([sys.executable, "-c", SIGNALLED, str(path)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "caught\n"), done.stderr


@needs_openvino
def test_openvino_reports_its_use_to_nobody(tmp_path: Path) -> None:
    code = (
        "from sceneparse.inference.openvino_engine import installed; installed();"
        "from openvino.tools.ovc.telemetry_utils import tm; print(tm.__name__)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | {"HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    assert "openvino_telemetry" not in done.stdout
    assert not (tmp_path / "intel").exists()  # where it would keep an identity of this machine


def test_every_engine_can_be_named_on_the_command_line() -> None:
    assert {"auto", *choosing_room.ENGINES} == set(ENGINE_NAMES)
