"""Memory that a large picture takes is said before it is computed."""

import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from sceneparse.arguments import on_command_line
from sceneparse.cli import main
from sceneparse.inference import TorchEngine, foreseen_memory, make_engine
from sceneparse.inference.choosing import EngineName
from sceneparse.inference.foreseen_memory import ForeseenMemory
from sceneparse.inference.openvino_engine import OpenVINOEngine
from sceneparse.inference.program import ProgramEngine
from sceneparse.parsing import load
from sceneparse.processes.machine import PeakMemory
from sceneparse.serving import ServeSettings
from sceneparse.serving.memory import memory_warnings
from sceneparse.serving.pace import Paces
from sceneparse.settings import PreprocessingSettings, ProtocolSettings
from tests.support.engines import converted_network

CPU = torch.device("cpu")
GIB = 1 << 30
measures = pytest.mark.skipif(
    not PeakMemory.begin(), reason="this system does not tell a process its peak memory, as Linux does"
)


class Computes:
    """Takes so many bytes for each pixel, and notes what it was given."""

    def __init__(self, rate: int) -> None:
        self.rate, self.seen = rate, list[tuple[int, ...]]()

    def __call__(self, images: Tensor) -> Tensor:
        self.seen.append(tuple(images.shape))
        return torch.ones(images[:, 0].numel() * self.rate, dtype=torch.uint8)


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The bytes that are said to be free; pictures are large from 40,000 pixels on, and pieces have 10,000."""
    found = [GIB]
    monkeypatch.setattr(foreseen_memory, "available_memory", lambda: found[0])
    monkeypatch.setattr(foreseen_memory, "LARGE", 40_000)
    monkeypatch.setattr(foreseen_memory, "PIECE", 10_000)
    yield found


@pytest.fixture
def taking(free: list[int], monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """As `free`, and a piece takes 4,000 bytes for each pixel, whatever else the machine does with memory meanwhile."""

    def taken(piece: Tensor, _: torch.device, compute: Callable[[Tensor], object]) -> int:
        compute(piece)
        return 4000 * piece.shape[-2] * piece.shape[-1]

    monkeypatch.setattr(foreseen_memory, "_taken", taken)
    return free


def picture(height: int, width: int, count: int = 1) -> Tensor:
    return torch.zeros(1, dtype=torch.uint8).expand(count, 3, height, width)  # of no memory


def said(foreseen: ForeseenMemory, images: Tensor, compute: Computes) -> str:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        foreseen.announce(images, "objects", compute)
    return "\n".join(str(one.message) for one in found)


@pytest.mark.parametrize(("height", "width"), [(3000, 4000), (4000, 3000), (300, 40_000), (40_000, 300)])
@pytest.mark.usefixtures("taking")
def test_what_a_piece_takes_says_what_the_picture_takes(height: int, width: int) -> None:
    compute = Computes(4000)
    text = said(ForeseenMemory(CPU), picture(height, width), compute)
    start, _, rest = text.partition(" pixels that go through the network at once take about ")
    assert start == f"{width:,}×{height:,}"
    amount, _, rest = rest.partition(" GiB of memory, of which 1.0 GiB are free: ")
    assert float(amount) == pytest.approx(12e6 * 4000 / GIB, abs=0.06)
    assert rest == "protocol.size or protocol.window make do with less"
    ((_, _, rows, columns),) = compute.seen
    assert 9_000 < rows * columns <= 10_000


def test_nothing_is_said_of_what_is_little(taking: list[int]) -> None:
    taking[0] = 100 * GIB
    foreseen, compute = ForeseenMemory(CPU), Computes(4000)
    assert not said(foreseen, picture(100, 399), compute)
    assert not said(foreseen, picture(3000, 4000, count=2), compute)
    assert not compute.seen, "nothing was tried either"
    assert not said(foreseen, picture(1000, 1000), compute)
    assert "of which 100.0 GiB are free" in said(foreseen, picture(3000, 4000), compute), "much, however much is free"
    assert len(compute.seen) == 1


@pytest.mark.usefixtures("taking")
def test_it_is_said_anew_of_a_picture_that_takes_far_more() -> None:
    foreseen, compute = ForeseenMemory(CPU), Computes(4000)
    assert said(foreseen, picture(1000, 1000), compute)
    assert not said(foreseen, picture(1000, 1100), compute)
    assert said(foreseen, picture(1000, 2000), compute)


@measures
def test_what_is_taken_is_measured() -> None:
    wanted, piece = 200_000 * 1000, torch.zeros(1, 3, 400, 500)
    found: list[int] = []
    while len(found) < 5 and not (found and 0.85 * wanted < found[-1] < 1.15 * wanted):  # a system may reclaim memory
        found.append(foreseen_memory._taken(piece, CPU, Computes(1000)) or 0)
    assert 0.85 * wanted < found[-1] < 1.15 * wanted, found


@pytest.mark.usefixtures("free")
def test_where_nobody_says_what_is_free_or_taken_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PeakMemory, "begin", staticmethod(lambda: False))
    assert not said(ForeseenMemory(CPU), picture(3000, 4000), Computes(4000))
    assert not said(ForeseenMemory(torch.device("mps")), picture(3000, 4000), Computes(4000))


@measures
@pytest.mark.usefixtures("free")
def test_a_piece_for_which_there_is_not_enough_is_left_to_the_picture() -> None:
    assert not said(ForeseenMemory(CPU), picture(3000, 4000), Computes(1 << 40))


@pytest.mark.usefixtures("taking")
def test_while_another_thread_computes_nothing_is_found_out() -> None:
    idle, compute = [False], Computes(4000)
    foreseen = ForeseenMemory(CPU, lambda: idle[0])
    assert not said(foreseen, picture(3000, 4000), compute) and not compute.seen
    idle[0] = True
    assert said(foreseen, picture(3000, 4000), compute) and len(compute.seen) == 1


@pytest.mark.usefixtures("taking")
def test_what_everything_takes_is_not_found_out_again_for_a_part() -> None:
    foreseen, compute = ForeseenMemory(CPU), Computes(4000)
    text = foreseen.warning(12_000_000, 3, compute)
    assert text is not None and text.startswith("take about 4") and len(compute.seen) == 1
    assert not said(foreseen, picture(3000, 4000), compute), "it has been said"
    assert said(foreseen, picture(6000, 4000), compute) and len(compute.seen) == 1


def test_engines_say_it_before_they_compute(taking: list[int]) -> None:
    network = converted_network()
    engine = TorchEngine(network, PreprocessingSettings(), device="cpu", precision="float32")
    seen: list[tuple[int, ...]] = []
    engine.network.register_forward_pre_hook(lambda _, given: seen.append(tuple(given[0].shape[-2:])))
    taking[0] = 0
    images = torch.randint(0, 256, (1, 3, 210, 260), dtype=torch.uint8)
    with pytest.warns(UserWarning, match=r"260×210 pixels that go through .* of which 0 bytes are free"):
        first = engine(images)
    assert seen == [(100, 100), (210, 260)]
    assert torch.equal(first, engine(images))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TorchEngine.live(network, PreprocessingSettings(), precision="float32")(images)  # its processes go together


def test_commands_say_it_in_a_line(
    taking: list[int], tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taking[0] = 0
    for name in ("a", "b"):
        Image.fromarray(np.zeros((220, 300, 3), np.uint8)).save(tmp_path / f"{name}.png")
    given = ["predict", str(tiny_run / "model"), str(tmp_path), "--out", str(tmp_path / "out"), "--engine", "torch"]
    assert main([*given, "--size", "own"]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "go through the network at once" in line]
    assert len(lines) == 1
    assert lines[0].startswith("warning: 300×220 pixels that go through the network at once take about ")
    assert lines[0].endswith(": --size or --window make do with less")


def test_a_service_says_at_its_start_what_its_pictures_may_take(taking: list[int], tiny_run: Path) -> None:
    taking[0] = 0
    own = load(tiny_run / "model", engine="torch", protocol=ProtocolSettings(size="own"))
    learnt = load(tiny_run / "model", engine="torch")
    parsers = {"own": own, "learnt": learnt}
    paces = Paces(parsers, ServeSettings(max_tested=90_000))
    with on_command_line():
        (line,) = memory_warnings(parsers, paces)
    assert line.startswith("model own: ") and " pixels of a picture, which it may parse at once, take about " in line
    assert line.endswith("of which 0 bytes are free: --size or a lower --max-tested make do with less")


@measures
@pytest.mark.parametrize("name", [name for name in ("openvino", "onnxruntime") if find_spec(name)])
def test_what_a_runtime_keeps_of_pictures_before_is_no_room_for_the_piece(name: EngineName) -> None:
    engine = make_engine(converted_network(), PreprocessingSettings(), engine=name, device="cpu", precision="float32")
    assert isinstance(engine, ProgramEngine)
    piece, first = torch.zeros(1, 3, 800, 800), foreseen_memory._taken(torch.zeros(1, 3, 800, 800), CPU, engine) or 0
    assert first > 50 << 20
    for _ in range(5):  # a system may reclaim memory meanwhile
        assert engine.release_memory()
        if (foreseen_memory._taken(piece, CPU, engine) or 0) > 0.5 * first:
            return
    raise AssertionError("what the runtime kept was room for the piece")


@pytest.mark.skipif(not find_spec("openvino"), reason="OpenVINO is not installed (extra openvino)")
def test_openvino_gives_nothing_back_while_it_computes() -> None:
    network = converted_network()
    engine = make_engine(network, PreprocessingSettings(), engine="openvino", device="cpu", precision="float32")
    assert isinstance(engine, OpenVINOEngine)
    images = torch.zeros(1, 3, 800, 800)
    engine(images)
    with ThreadPoolExecutor(1) as other:
        computing = other.submit(engine, images)
        found = []
        while not computing.done():
            found.append(engine.release_memory())
            time.sleep(0.001)
        computing.result()
    assert False in found and engine.release_memory()
