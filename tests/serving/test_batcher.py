"""Turns, limits and batches."""

import http.client
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from sceneparse.devices.memory import ran_out
from sceneparse.errors import UserError
from sceneparse.inference.later import Later
from sceneparse.inference.program import refuse_small
from sceneparse.parsing import Parse, Parser
from sceneparse.parsing.opening import PictureRead
from sceneparse.serving import Server
from sceneparse.serving.pace import Paces
from sceneparse.serving.settings import ServeSettings
from sceneparse.settings import ProtocolSettings
from tests.support.brightest import BrightestChannel, OnGpu
from tests.support.served import Service, picture, plain_parser, serving, unified_parser, until

PNG = {"Content-Type": "image/png"}


@contextmanager
def slow_service(**settings: Any) -> Iterator[tuple[Service, BrightestChannel]]:
    """A service whose engine takes its time until its gate is opened."""
    engine = BrightestChannel()
    engine.gate.clear()
    with serving({"slow": plain_parser(engine)}, ServeSettings(**settings)) as service:
        try:
            yield service, engine
        finally:
            engine.gate.set()


def test_a_full_line_answers_503_with_retry_after_and_then_goes_on() -> None:
    with slow_service(queue=2) as (service, engine), ThreadPoolExecutor(6) as pool:
        sent = [pool.submit(service.ask, "/v1/parse", picture(), PNG) for _ in range(6)]
        until(lambda: sum(one.done() for one in sent) == 4)
        for answer in (one.result() for one in sent if one.done()):
            assert answer.status == 503 and int(answer.headers["retry-after"]) >= 1 and answer.json()["code"] == "busy"
        engine.gate.set()
        assert sorted(one.result().status for one in sent) == [200, 200, 503, 503, 503, 503]
        assert service.ask("/v1/parse", picture(), PNG).status == 200


def test_a_turn_that_does_not_come_is_503_and_a_parse_that_is_too_slow_504() -> None:
    with slow_service(time_limit=0.5) as (service, engine), ThreadPoolExecutor(2) as pool:
        first = pool.submit(service.ask, "/v1/parse", picture(), PNG)
        until(lambda: engine.batches == [1])
        second = pool.submit(service.ask, "/v1/parse", picture(), PNG).result()
        assert (first.result().status, second.status) == (504, 503) and "retry-after" in second.headers
        engine.gate.set()
        until(lambda: service.ask("/v1/parse", picture((9, 9)), PNG).status == 200)
        assert engine.batches == [1, 1], "the second one's turn must be given up"


def test_pictures_of_one_size_are_parsed_at_once_and_each_gets_its_own_answer() -> None:
    with slow_service(batch=4, batch_wait=1.0) as (service, engine), ThreadPoolExecutor(5) as pool:
        pool.submit(service.ask, "/v1/parse", picture((8, 8)), PNG)
        until(lambda: engine.batches == [1])  # while it is being parsed, the others come
        bodies = [*(picture((30, 60), turn=turn) for turn in (0, 1, 2)), picture((60, 30))]
        sent = [pool.submit(service.ask, "/v1/parse", body, {**PNG, "Accept": "image/png"}) for body in bodies]
        service.until_waiting(5)
        time.sleep(0.3)  # they have a place, and are looked at
        engine.gate.set()
        images = [one.result().image() for one in sent]
        assert sorted(engine.batches) == [1, 1, 3]
        assert [image.getpixel((0, 0)) for image in images] == [7, 0, 30, 7] and images[3].size == (30, 60)


class Sized(BrightestChannel):
    """Notes the sizes of its pictures; a model is measured on 192 × 256 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[tuple[int, int]] = []

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        self.sizes.append((images.shape[-2], images.shape[-1]))
        return super().__call__(images)


def refused_and_due(service: Service) -> None:
    """Have a large picture refused whose model is to be measured again."""
    paces = service.server.paces
    paces.took("one", (1000, 1000), 1000.0)
    paces._due["one"] = 0.0
    assert service.ask("/v1/parse", picture((500, 500)), PNG).status == 413


def test_a_model_is_measured_again_when_no_picture_waits() -> None:
    engine = Sized()
    engine.gate.clear()
    with serving({"one": plain_parser(engine)}) as service, ThreadPoolExecutor(3) as pool:
        sent = [pool.submit(service.ask, "/v1/parse", picture((8, 8)), PNG)]
        until(lambda: engine.sizes == [(8, 8)])
        sent += [pool.submit(service.ask, "/v1/parse", picture((size, size)), PNG) for size in (9, 10)]
        until(lambda: len(service.server._batcher._ready) == 2)
        refused_and_due(service)
        engine.gate.set()
        until(lambda: len(engine.sizes) > 3)
        assert set(engine.sizes[:3]) == {(8, 8), (9, 9), (10, 10)} and engine.sizes[3] == (192, 256)
        assert [one.result().status for one in sent] == [200] * 3


def test_a_picture_that_waits_for_a_measurement_is_busy_and_not_too_slow() -> None:
    engine = Sized()
    with serving({"one": plain_parser(engine)}, ServeSettings(time_limit=0.5)) as service:
        engine.gate.clear()
        refused_and_due(service)
        until(lambda: engine.sizes == [(192, 256)])
        waited = service.ask("/v1/parse", picture((8, 8)), PNG)
        engine.gate.set()
        assert (waited.status, waited.json()["code"]) == (503, "busy") and "retry-after" in waited.headers
        until(lambda: service.ask("/v1/parse", picture((9, 9)), PNG).status == 200)


def test_what_cannot_be_finished_in_time_is_answered_503_when_the_service_stops() -> None:
    with ThreadPoolExecutor(1) as pool:
        with slow_service(stop_seconds=1.0) as (service, engine):
            sent = pool.submit(service.ask, "/v1/parse", picture(), PNG)
            until(lambda: engine.batches == [1])
            service.server.should_exit = True
            answer = sent.result()
        assert (answer.status, answer.json()["code"], answer.headers["retry-after"]) == (503, "busy", "10")


def test_a_client_that_goes_gives_up_its_turn() -> None:
    with slow_service(queue=2) as (service, engine), ThreadPoolExecutor(2) as pool:
        first = pool.submit(service.ask, "/v1/parse", picture(), PNG)
        until(lambda: engine.batches == [1])
        gone = http.client.HTTPConnection(*service.endpoint)
        gone.request("POST", "/v1/parse", picture((30, 30)), PNG)
        service.until_waiting(2)
        gone.close()
        service.until_waiting(1)
        third = pool.submit(service.ask, "/v1/parse", picture((20, 20)), PNG)
        service.until_waiting(2)
        engine.gate.set()
        assert first.result().status == third.result().status == 200
        assert engine.batches == [1, 1]


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried ...")]
)
def test_a_picture_that_is_too_large_for_the_memory_is_told_so(error: Exception) -> None:
    class Full(BrightestChannel):
        def __call__(self, images: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
            raise error

    with serving({"full": plain_parser(Full())}) as service:
        answer = service.ask("/v1/parse", picture(), PNG)
        assert (
            answer.status == 413 and answer.json()["code"] == "too-many-pixels" and "x-request-sha256" in answer.headers
        )


def test_a_fault_in_the_engine_meets_its_own_request_alone(capfd: pytest.CaptureFixture[str]) -> None:
    class Broken(BrightestChannel):
        def __call__(self, images: torch.Tensor) -> torch.Tensor:
            if images.shape[-1] == 13:
                raise RuntimeError("a secret path /etc/secret")
            if images.shape[-1] == 12:
                refuse_small(images, self.name, 64)
            if images.shape[-1] == 11:
                raise UserError("the scores of model 'broken' are not finite")
            return super().__call__(images)

    with serving({"broken": plain_parser(Broken())}) as service:
        answer = service.ask("/v1/parse", picture((13, 13)), PNG)
        assert answer.status == 500 and b"secret" not in answer.body
        unfit = service.ask("/v1/parse", picture((12, 12)), PNG)
        assert unfit.status == 422 and "64 pixels a side" in unfit.json()["detail"]
        wrong = service.ask("/v1/parse", picture((11, 11)), PNG)
        assert wrong.status == 500 and "the log says more" in wrong.json()["detail"], "no fault of the picture"
        assert "are not finite" in capfd.readouterr().err
        assert service.ask("/v1/parse", picture(), PNG).status == 200 and service.ask("/readyz").status == 200


def test_what_is_wrong_with_one_picture_of_a_batch_is_not_told_to_the_others() -> None:
    class Particular(BrightestChannel):
        def __call__(self, images: torch.Tensor) -> torch.Tensor:
            scores = super().__call__(images)
            if len(images) > 2:
                raise torch.OutOfMemoryError
            if (images[:, 0, 0, 0] > 100).any():  # the first stripe is red
                raise RuntimeError("no red")
            return scores

    engine = Particular()
    engine.gate.clear()
    with (
        serving({"particular": plain_parser(engine)}, ServeSettings(batch=4, batch_wait=1.0)) as service,
        ThreadPoolExecutor(5) as pool,
    ):
        pool.submit(service.ask, "/v1/parse", picture((8, 8), turn=1), PNG)
        until(lambda: engine.batches == [1])
        bodies = [picture((30, 60), turn=turn) for turn in (1, 0, 2)]
        sent = [pool.submit(service.ask, "/v1/parse", body, {**PNG, "Accept": "image/png"}) for body in bodies]
        service.until_waiting(4)
        time.sleep(0.3)
        engine.gate.set()
        answers = [one.result() for one in sent]
        assert engine.batches == [1, 3, 1, 1, 1]
        assert [answer.status for answer in answers] == [200, 500, 200]
        assert [answers[place].image().getpixel((0, 0)) for place in (0, 2)] == [0, 30]


@pytest.mark.parametrize(
    "protocol",
    [
        ProtocolSettings(),
        ProtocolSettings(scales=(0.75, 1.0), flip=True, average="probabilities"),
        ProtocolSettings("window", window=(32, 32)),
    ],
    ids=["whole", "scales and mirror image", "windows"],
)
def test_a_batch_has_the_parses_of_its_pictures(protocol: ProtocolSettings) -> None:
    parser = unified_parser().with_protocol(protocol)
    images = torch.randint(0, 256, (3, 3, 48, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    for image, parse in zip(images, parser.parse_batch(images), strict=True):
        alone = parser.parse(image)
        assert alone.task_parse is not None and parse.task_parse is not None
        pairs: list[tuple[Any, Any]] = [(alone.labels, parse.labels), (alone.confidence, parse.confidence)]
        pairs += [
            (one.confidence, two.confidence)
            for one, two in zip(alone.task_parse.maps().values(), parse.task_parse.maps().values(), strict=True)
        ]
        for one, two in pairs[1:]:
            np.testing.assert_allclose(one, two, atol=1e-4)
        assert (pairs[0][0] == pairs[0][1]).mean() > 0.999
        assert [entry.name for entry in alone.scene or ()] == [entry.name for entry in parse.scene or ()]
        np.testing.assert_array_equal(parse.image, image.permute(1, 2, 0).numpy())


def test_what_torch_raises_for_want_of_memory_is_told_from_other_errors() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert ran_out(caught.value)
    with pytest.raises(RuntimeError) as other:
        torch.ones(2) @ torch.ones(3)
    assert not ran_out(other.value)


def test_a_device_that_fails_ends_the_service_with_answers_to_all_and_not_ready() -> None:
    class Failing(BrightestChannel):
        def __call__(self, images: Any) -> Any:
            super().__call__(images)
            raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    engine = Failing()
    engine.gate.clear()
    with serving({"failing": plain_parser(engine)}) as service, ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(service.ask, "/v1/parse", picture(), PNG) for _ in range(3)]
        service.until_waiting(3)
        engine.gate.set()
        answers = [one.result() for one in sent]
        assert [(one.status, one.json()["code"]) for one in answers] == [(503, "device-failed")] * 3
        assert "started anew" in answers[0].json()["detail"]
        until(lambda: service.server.should_exit)
        assert service.server.failed
        assert engine.batches == [1], "nothing is computed on a device that has failed"


def test_a_service_whose_device_has_failed_is_not_ready_and_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving({"colours": plain_parser()}) as service:
        monkeypatch.setattr(Server, "failed", False)  # so that it lives on
        service.server._batcher.failed.set()
        assert service.ask("/readyz").status == 503
        assert service.ask("/v1/parse", picture(), PNG).json()["code"] == "device-failed"


class Slow:
    """A CUDA device for which the CPU stands: labels are there when its gate opens, whatever was begun meanwhile."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gate, self.begun, self.wrong = threading.Event(), list[int](), list[Exception]()
        begin = Parser.begin

        def noted(parser: Parser, reads: Sequence[PictureRead]) -> list[Later[Parse]]:
            self.begun.append(len(reads))
            return [partial(self._finish, one) for one in begin(parser, reads)]

        monkeypatch.setattr(Parser, "begin", noted)

    def _finish(self, later: Later[Parse]) -> Parse:
        self.gate.wait(60)
        if self.wrong:
            raise self.wrong.pop()
        return later()


def test_on_a_gpu_a_full_batch_is_begun_while_the_one_before_it_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(monkeypatch)
    settings = ServeSettings(batch=2, batch_wait=0.0)
    with serving({"gpu": plain_parser(OnGpu())}, settings) as service, ThreadPoolExecutor(6) as pool:
        del slow.begun[:]

        def send(turn: int) -> Any:
            body = picture((30, 60), turn=turn)
            return pool.submit(service.ask, "/v1/parse", body, {**PNG, "Accept": "image/png"})

        batcher = service.server._batcher
        sent = [send(0)]
        until(lambda: slow.begun == [1])
        sent.append(send(1))
        until(lambda: len(batcher._ready) == 1)
        time.sleep(0.1)
        assert slow.begun == [1], "a batch that isn't full would only be larger later"
        sent.append(send(2))
        until(lambda: slow.begun == [1, 2])
        sent += [send(0), send(1)]
        until(lambda: len(batcher._ready) == 2)
        time.sleep(0.1)
        assert slow.begun == [1, 2], "more would only take memory"
        assert batcher.ready and batcher.computing
        slow.gate.set()
        answers = [one.result() for one in sent]
        assert [one.status for one in answers] == [200] * 5 and slow.begun == [1, 2, 2]
        assert [one.image().getpixel((0, 0)) for one in answers] == [7, 0, 30, 7, 0]
        until(lambda: not batcher._turns)
        assert not batcher.computing


def test_a_gpu_that_fails_under_two_batches_fails_both(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(monkeypatch)
    slow.wrong = [torch.AcceleratorError("CUDA error: an illegal memory access was encountered") for _ in range(2)]
    settings = ServeSettings(batch=1, batch_wait=0.0)
    with serving({"gpu": plain_parser(OnGpu())}, settings) as service, ThreadPoolExecutor(3) as pool:
        sent = [pool.submit(service.ask, "/v1/parse", picture(), PNG) for _ in range(3)]
        until(lambda: len(slow.begun) == 2)
        service.until_waiting(3)
        slow.gate.set()
        assert [one.result().json()["code"] for one in sent] == ["device-failed"] * 3
        assert len(slow.begun) == 2


def test_turns_that_end_sooner_than_foreseen_make_no_later_one_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(monkeypatch)
    monkeypatch.setattr(Paces, "foreseen", lambda *_: 15.0)
    settings = ServeSettings(batch=1, batch_wait=0.0, time_limit=60.0, queue=12)
    with serving({"gpu": plain_parser(OnGpu())}, settings) as service, ThreadPoolExecutor(12) as pool:
        sent = [pool.submit(service.ask, "/v1/parse", picture(), PNG) for _ in range(12)]
        service.until_waiting(12)
        slow.gate.set()  # from here on there is always another turn
        assert [one.result().status for one in sent] == [200] * 12
