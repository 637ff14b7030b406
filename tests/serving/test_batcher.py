"""Turns, limits and batches."""

import http.client
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from sceneparse.serving.settings import ServeSettings
from sceneparse.settings import ProtocolSettings
from served import BrightestChannel, Service, picture, plain_parser, serving, unified_parser

PNG = {"Content-Type": "image/png"}


def together(service: Service, bodies: list[bytes]) -> list[int]:
    """The statuses of requests that are sent at the same time."""
    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(lambda body: service.ask("/v1/parse", body, PNG).status, bodies))


def test_a_full_line_answers_503_with_retry_after_and_then_goes_on() -> None:
    engine = BrightestChannel()
    with serving({"slow": plain_parser(engine)}, ServeSettings(queue=2)) as service:
        engine.seconds = 0.4
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda _: service.ask("/v1/parse", picture(), PNG), range(6)))
        statuses = sorted(answer.status for answer in answers)
        assert statuses == [200, 200, 503, 503, 503, 503]
        refused = next(answer for answer in answers if answer.status == 503)
        assert int(refused.headers["retry-after"]) >= 1 and refused.json()["code"] == "busy"
        engine.seconds = 0
        assert service.ask("/v1/parse", picture(), PNG).status == 200


def test_a_turn_that_does_not_come_is_503_and_a_parse_that_is_too_slow_504() -> None:
    engine = BrightestChannel()
    with serving({"slow": plain_parser(engine)}, ServeSettings(time_limit=0.3)) as service:
        engine.seconds = 0.8
        assert sorted(together(service, [picture()] * 2)) == [503, 504]
        time.sleep(0.8)  # the first parse cannot be stopped
        assert len(engine.batches) == 1, "the second one's turn must be given up"
        engine.seconds = 0
        assert service.ask("/v1/parse", picture(), PNG).status == 200


def test_pictures_of_one_size_are_parsed_at_once_and_each_gets_its_own_answer() -> None:
    engine = BrightestChannel()
    settings = ServeSettings(batch=4, batch_wait=0.2)
    with serving({"colours": plain_parser(engine)}, settings) as service:
        engine.seconds = 0.3
        blocker = threading.Thread(target=lambda: service.ask("/v1/parse", picture((8, 8)), PNG))
        blocker.start()
        time.sleep(0.15)  # while it is being parsed, the others come
        sent = [picture((30, 60), turn=turn) for turn in (0, 1, 2)] + [picture((60, 30))]
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda body: service.ask("/v1/parse", body, {**PNG, "Accept": "image/png"}), sent))
        blocker.join()
        assert sorted(engine.batches) == [1, 1, 3]
        firsts = [answer.image().getpixel((0, 0)) for answer in answers]
        assert firsts == [7, 0, 30, 7] and answers[3].image().size == (30, 60)


def test_a_client_that_goes_gives_up_its_turn() -> None:
    engine = BrightestChannel()
    with serving({"slow": plain_parser(engine)}, ServeSettings(queue=2)) as service:
        engine.seconds = 0.5
        first = threading.Thread(target=lambda: service.ask("/v1/parse", picture(), PNG))
        first.start()
        time.sleep(0.15)
        gone = http.client.HTTPConnection(*service.place)
        gone.request("POST", "/v1/parse", picture((30, 30)), PNG)
        time.sleep(0.1)
        gone.close()
        time.sleep(0.1)
        assert service.ask("/v1/parse", picture((20, 20)), PNG).status == 200, "its place must be free"
        first.join()
        assert len(engine.batches) == 2


def test_a_fault_in_the_engine_meets_its_own_request_alone() -> None:
    class Broken(BrightestChannel):
        def __call__(self, images: torch.Tensor) -> torch.Tensor:
            if images.shape[-1] == 13:
                raise RuntimeError("a secret path /etc/secret")
            return super().__call__(images)

    with serving({"broken": plain_parser(Broken())}) as service:
        answer = service.ask("/v1/parse", picture((13, 13)), PNG)
        assert answer.status == 500 and b"secret" not in answer.body
        assert service.ask("/v1/parse", picture(), PNG).status == 200 and service.ask("/readyz").status == 200


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
        assert alone.told is not None and parse.told is not None
        pairs = [(alone.labels, parse.labels), (alone.confidence, parse.confidence)]
        pairs += [
            (one.confidence, two.confidence)
            for one, two in zip(alone.told.maps().values(), parse.told.maps().values(), strict=True)
        ]
        for one, two in pairs[1:]:
            np.testing.assert_allclose(one, two, atol=1e-4)
        assert (pairs[0][0] == pairs[0][1]).mean() > 0.999
        assert [entry.name for entry in alone.scene or ()] == [entry.name for entry in parse.scene or ()]
        np.testing.assert_array_equal(parse.image, image.permute(1, 2, 0).numpy())
