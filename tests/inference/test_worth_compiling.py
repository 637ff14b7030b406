"""A network is compiled where enough is still to come; a player stands for CUDA graphs, and a clock for the GPU."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from sceneparse.inference import TorchEngine, choosing, make_engine, worth_compiling
from sceneparse.inference import engine as engine_module
from sceneparse.inference.compiled_sizes import FIXED
from sceneparse.inference.graphs import Compute, Graphs, Replay
from sceneparse.inference.worth_compiling import COMPILING, EVIDENCE, SAVED, Amount, WorthCompiling, work_ahead
from sceneparse.networks import PSPNet, SceneParser
from sceneparse.networks.backbones import make_backbone
from sceneparse.settings import PreprocessingSettings
from tests.support.gpus import needs_cuda
from tests.support.graphs import Player

CPU = torch.device("cpu")
WORTH = COMPILING / SAVED
"""Seconds of work ahead from which compiling pays."""


class Clock:
    """Stands still but for the seconds that each replay takes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.replay = 0.0, 1.0
        monkeypatch.setattr(worth_compiling, "time", SimpleNamespace(perf_counter=lambda: self.now))


class Timed(Player):
    """Plays graphs that take time, of compiled networks or of others."""

    def __init__(self, clock: Clock, *, compiled: bool = False) -> None:
        super().__init__()
        self._clock, self._compiled = clock, compiled

    def __call__(self, compute: Compute, pictures: Tensor) -> Replay:
        """See `Player`."""
        replay = super().__call__(compute, pictures)

        def run() -> None:
            self._clock.now += self._clock.replay
            replay.run()

        return replay._replace(run=run, compiled=self._compiled)


class Card:
    """Graphs as an engine has them that was chosen by auto; a run of so many pictures is under way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, total: int | None) -> None:
        self.clock = Clock(monkeypatch)
        self.plain, self.compiled = Timed(self.clock), Timed(self.clock, compiled=True)
        self.total, self.done, self.fails = total, 0, list[Exception]()
        self.better = WorthCompiling(self._compute_compiled, self.compiled, CPU)
        self.graphs = Graphs(self.plain, better=self.better.better)

    def _compute_compiled(self, pictures: Tensor, asked: Any) -> tuple[Tensor]:
        if self.fails:
            raise self.fails.pop()
        assert asked == "asked"
        return (3.0 * pictures,)

    def amount(self) -> Amount | None:
        return None if self.total is None else Amount(self.done, self.total - self.done)

    def show(self, *sides: int, count: int = 1) -> None:
        """Compute pictures of some sizes, so many of a size at once."""
        with work_ahead(SimpleNamespace(compiling=self.better), self.amount):
            for side in sides:
                ones = torch.ones(count, 3, side, side)
                (found,) = self.graphs(lambda pictures: (3.0 * pictures,), ones, CPU, "asked")
                assert found is not None and torch.equal(found, 3.0 * ones)
                self.done += count


# The 100th picture with a graph is the 102nd; 101 are done by then.
DECIDED = EVIDENCE + 2


@pytest.mark.parametrize(("left", "pays"), [(1.02 * WORTH, True), (0.98 * WORTH, False)])
def test_it_is_compiled_where_that_saves_more_than_it_takes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], left: float, pays: bool
) -> None:
    card = Card(monkeypatch, DECIDED - 1 + round(left))
    card.show(*[4] * (DECIDED - 1))
    assert not card.compiled.recorded and card.better.describe() == ""
    card = Card(monkeypatch, DECIDED - 1 + round(left))
    card.show(*[4] * DECIDED)
    assert card.compiled.recorded == [(1, 3, 4, 4)] * pays
    said = capsys.readouterr().err
    if pays:
        assert card.better.describe() == ", compiled for 1 size"
        assert said == (
            "engine auto: about 10 minutes of computing 4×4 are still to come; PyTorch compiles the network for that, "
            "which takes a minute or more\n"
        )
        played = card.plain.played
        card.show(*[4] * 500)
        assert len(card.compiled.recorded) == 1 and card.plain.played == played
    else:
        assert said == "" and card.better.describe() == ""


def test_pictures_of_a_batch_share_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for seconds, pays in ((8.5, False), (8.8, True)):  # 104 of 112 had a graph
        card = Card(monkeypatch, round(WORTH) + 112)
        card.clock.replay = seconds
        card.show(*[4] * 15, count=8)
        assert card.compiled.recorded == [(8, 3, 4, 4)] * pays


def test_of_as_many_sizes_as_pictures_or_an_unknown_number_none_is_compiled_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    several = Card(monkeypatch, 10**6)
    several.show(*range(1, 400))
    unknown = Card(monkeypatch, None)
    unknown.show(*[4] * 400)
    assert not several.compiled.recorded and not unknown.compiled.recorded
    ends = Card(monkeypatch, 400)
    ends.show(*[4] * 400)
    assert not ends.compiled.recorded


def test_what_comes_later_is_reckoned_anew_and_few_sizes_are_compiled_for(monkeypatch: pytest.MonkeyPatch) -> None:
    # A hundred of the second size are too few beside the first; twice as many are not.
    for count, compiled in ((201, [4]), (202, [4, 5])):
        card = Card(monkeypatch, 2000)
        card.show(*[4] * 200, *[5] * count)
        assert [shape[-1] for shape in card.compiled.recorded] == compiled
    card.total = 10**7
    for side in range(6, 6 + FIXED):
        card.show(*[side] * 2000)
    assert len(card.compiled.recorded) == FIXED


def test_outside_a_run_nothing_is_compiled_and_what_was_compiled_is_recorded_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card = Card(monkeypatch, 10**6)
    for _ in range(300):
        card.graphs(lambda pictures: (3.0 * pictures,), torch.ones(1, 3, 4, 4), CPU, "asked")
    assert not card.compiled.recorded
    card.show(*[4] * 200)
    assert len(card.compiled.recorded) == 1
    card.graphs._graphs.clear()  # as where memory is short
    card.show(*[4] * 10)
    assert len(card.compiled.recorded) == 2 and card.better.describe() == ", compiled for 1 size"


@pytest.mark.parametrize(
    "error", [RuntimeError("Failed to find C compiler.\nmore"), OSError("Failed to find C compiler.")]
)
def test_where_it_cannot_be_compiled_the_graphs_stay_and_why_is_said_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    card = Card(monkeypatch, 10**6)
    card.fails = [error]
    card.show(*[4] * 1000)
    assert not card.compiled.recorded and card.plain.played >= 998
    assert capsys.readouterr().err.splitlines()[1:] == [
        "engine auto: PyTorch cannot compile this network here (Failed to find C compiler.); it goes on as it is, with "
        "CUDA graphs"
    ]
    assert card.better.describe() == ", not compiled (Failed to find C compiler.)"


def make() -> SceneParser:
    torch.manual_seed(0)
    return PSPNet(make_backbone("test_resnet", output_stride=8), 3, channels=8).eval()


def test_the_engine_of_auto_is_compiled_for_a_size_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[tuple[int, ...]] = []

    def compile_(network: Callable[..., Any], *, dynamic: bool) -> Callable[..., Any]:
        def called(pixels: Tensor, *asked: Any) -> Any:
            assert not dynamic
            compiled.append(tuple(pixels.shape))
            return network(pixels, *asked)

        return called

    monkeypatch.setattr(torch, "compile", compile_)
    clock = Clock(monkeypatch)
    monkeypatch.setattr(engine_module, "CudaRecorder", lambda _, *, compiled=False: Timed(clock, compiled=compiled))
    network = make()
    engine = TorchEngine(network, PreprocessingSettings(), device="cpu", precision="float32", compile=None)
    assert engine.graphs is None and engine.compiling is None, "on a CPU"
    engine._record_graphs(None)
    picture = torch.randint(0, 256, (1, 3, 64, 48), dtype=torch.uint8)
    with work_ahead(engine, lambda: Amount(EVIDENCE, 10**4)):
        scores = [engine(picture) for _ in range(DECIDED + 5)]
    assert set(compiled) == {(1, 3, 64, 48)}
    assert ", CUDA graphs, compiled for 1 size, " in engine.describe() and engine.name == "torch"
    assert all(torch.equal(one, scores[0]) for one in scores)


@pytest.mark.parametrize(("engine", "given"), [("auto", None), ("torch", False), ("compile", True)])
def test_only_auto_leaves_it_open_whether_to_compile(monkeypatch: pytest.MonkeyPatch, engine: Any, given: Any) -> None:
    asked: list[Any] = []

    def note(*_: Any, **how: Any) -> None:
        asked.append(how.get("compile", False))

    monkeypatch.setattr(choosing, "TorchEngine", note)
    monkeypatch.setitem(choosing.ENGINES, "torch", note)
    monkeypatch.setattr(choosing, "choose_device", torch.device)
    make_engine(make(), PreprocessingSettings(), engine=engine, device="cuda")
    assert asked == [given]


@needs_cuda
def test_compiled_graphs_take_the_place_of_others_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worth_compiling, "COMPILING", 0.0)
    network = make()
    engine = make_engine(network, PreprocessingSettings(), device="cuda", precision="float32")
    assert isinstance(engine, TorchEngine) and engine.compiling is not None
    pictures = torch.randint(0, 256, (DECIDED + 20, 3, 64, 96), dtype=torch.uint8)
    with work_ahead(engine, lambda: Amount(EVIDENCE, 10**6)):
        found = [engine(one[None]) for one in pictures]
    assert engine.compiling.failure is None and ", compiled for 1 size" in engine.describe()
    plain = TorchEngine(network, PreprocessingSettings(), device="cuda", precision="float32")
    for one, scores in zip(pictures, found, strict=True):
        torch.testing.assert_close(plain(one[None]), scores, rtol=1e-4, atol=1e-4)
