"""What is begun is finished one later, in order, and what goes wrong is raised in its turn."""

import gc
import itertools
import weakref
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch

from sceneparse.inference import TorchEngine
from sceneparse.inference.finite import finite
from sceneparse.inference.later import Later, begun, behind, done, in_turn, then
from sceneparse.inference.protocol import TestProtocol
from sceneparse.labels import LabelSpace, TaskLabels
from sceneparse.networks import PSPNet
from sceneparse.networks.backbones import make_backbone
from sceneparse.settings import PreprocessingSettings
from tests.support.brightest import BrightestChannel, OnGpu
from tests.support.unified import TASKS


@pytest.mark.parametrize("count", [0, 1, 2])
def test_items_come_in_order_when_so_many_more_were_taken(count: int) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(5):
            taken.append(number)
            yield number

    seen = [(one, len(taken) - 1 - one) for one in in_turn(items(), count)]
    assert seen == [(number, min(count, 4 - number)) for number in range(5)]


def test_an_iterables_error_comes_after_what_it_gave() -> None:
    def items() -> Iterator[int]:
        yield from (1, 2)
        raise OSError("gone")

    found = []
    with pytest.raises(OSError, match="gone"):
        for one in in_turn(items(), 1):
            found.append(one)
    assert found == [1, 2]


def test_what_cannot_be_begun_is_raised_where_its_result_is_asked_for() -> None:
    def fails() -> Callable[[], int]:
        raise ValueError("wrong")

    later = begun(fails)
    with pytest.raises(ValueError, match="wrong"):
        later()
    assert then(begun(lambda: done(3)), lambda one: one + 1)() == 4


def test_only_where_a_device_is_not_waited_for_pictures_are_finished_later() -> None:
    whole, space, gpu = TestProtocol(), LabelSpace(("a", "b")), OnGpu()
    assert behind(gpu, whole) == 1 and behind(BrightestChannel(), whole) == 0
    assert behind(finite(gpu, "model"), whole) == 1
    for protocol in (TestProtocol(crf=True), TestProtocol(window=(9, 9)), TestProtocol(scales=(1.0, 2.0))):
        assert behind(gpu, protocol) == 0
    assert behind(gpu, whole, TaskLabels(space)) == 1
    assert TASKS.tree is not None and behind(gpu, whole, TASKS) == 0


def test_of_the_devices_cuda_alone_is_known_to_be_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    network = PSPNet(make_backbone("test_resnet", output_stride=8), 2, channels=8)
    engine = TorchEngine(network, PreprocessingSettings(), device="cpu", precision="float32")
    found = {}
    for name in ("cpu", "mps", "xpu", "cuda"):
        monkeypatch.setattr(engine, "device", torch.device(name))
        found[name] = engine.runs_beside
    assert found == {"cpu": False, "mps": False, "xpu": False, "cuda": True}


class Held:
    """Something that takes memory."""


@pytest.mark.parametrize("behind", [0, 1])
def test_what_could_not_be_begun_holds_nothing_when_the_next_one_is(behind: int) -> None:
    alive: list[weakref.ref[Held]] = []
    seen = []

    def begin(number: int) -> Later[int]:
        seen.append([one() is not None for one in alive])
        activations = Held()
        alive.append(weakref.ref(activations))
        if number % 2:
            try:
                raise MemoryError(number)
            except MemoryError as error:
                raise RuntimeError("out of memory") from error
        return done(number)

    gc.disable()
    try:
        found: list[int | str] = []
        for later in in_turn((begun(partial(begin, number)) for number in range(5)), behind):
            try:
                found.append(later())
            except RuntimeError as error:
                found.append(str(error))
                assert isinstance(error.__cause__, MemoryError)
            del later
    finally:
        gc.enable()
    assert found == [0, "out of memory", 2, "out of memory", 4]
    assert not any(itertools.chain.from_iterable(seen))
