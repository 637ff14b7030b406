"""Large pictures: taken where the model brings them to the size that it learnt, foreseen where they cannot be done."""

import math
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from sceneparse.parsing import Parser
from sceneparse.serving.pace import Paces
from sceneparse.serving.picture import inspected
from sceneparse.serving.problems import Problem
from sceneparse.serving.schema import ProblemAnswer
from sceneparse.serving.settings import ServeSettings
from sceneparse.settings import LearntSizes
from tests.support.brightest import BrightestChannel
from tests.support.served import Service, picture, plain_parser, serving

JPEG = {"Content-Type": "image/jpeg"}
LEARNT = LearntSizes(short=60, largest=60, seen=(40, 100))


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    parsers = {"knows": plain_parser(name="knows", sizes=LEARNT), "own": plain_parser()}
    with serving(parsers, ServeSettings(max_tested=40_000)) as running:
        yield running


def test_a_phone_photo_is_taken_and_answered_at_its_own_size(service: Service) -> None:
    answer = service.ask("/v1/parse", picture((6000, 8000), "JPEG"), JPEG).json()
    assert (answer["width"], answer["height"], answer["tested"]) == (8000, 6000, {"width": 80, "height": 60})
    assert {one["name"] for one in answer["classes"]} == {"brick", "grass", "water"}
    assert all(abs(one["share"] - 1 / 3) < 0.02 for one in answer["classes"])
    assert "8,000×6,000 pixels are parsed at short side 60" in answer["doubt"]
    assert sum(one["rle"]["size"] == [6000, 8000] for one in answer["masks"]["objects"]) == 3


def test_an_answer_that_shows_the_picture_has_all_its_pixels(service: Service) -> None:
    shown = service.ask("/v1/parse", picture((600, 800), "JPEG"), {**JPEG, "Accept": "image/png;kind=overlay"}).image()
    assert shown.size == (800, 600)


def test_a_picture_that_the_network_could_not_see_at_once_is_refused_before_it_is_decoded(service: Service) -> None:
    refused = service.ask("/v1/parse?model=own", picture((600, 800), "JPEG"), JPEG)
    assert refused.status == 413
    assert refused.json()["code"] == "too-many-pixels"
    assert "at 800 × 600 pixels, its own size, and this service allows 40,000" in refused.json()["detail"]
    listed = {one["name"]: one["max_pixels"] for one in service.ask("/v1/models").json()["models"]}
    assert listed["knows"] == 8192 * 4096, "of 1:2, whose longer side is the limit"
    assert 39_500 < listed["own"] <= 40_000
    assert "Made smaller, to 230 × 173 pixels, it is taken." in refused.json()["detail"]
    assert refused.json()["fits"] == {"width": 230, "height": 173}
    ProblemAnswer.model_validate(refused.json())
    assert service.ask("/v1/parse?model=own", picture((173, 230), "JPEG"), JPEG).status == 200


class Slow(BrightestChannel):
    """Takes a millisecond for a thousand pixels."""

    def __call__(self, images):  # type: ignore[no-untyped-def]
        time.sleep(images.shape[-1] * images.shape[-2] * 1e-6)
        return super().__call__(images)


def paces_of(parser: Parser, **settings: float) -> Paces:
    return Paces({"one": parser}, ServeSettings(**settings))  # type: ignore[arg-type]


def test_a_picture_that_would_take_too_long_is_refused_by_what_others_took() -> None:
    paces = paces_of(plain_parser(Slow()), time_limit=0.5)
    paces.refuse("one", (2000, 2000))  # nothing is known yet
    paces.measure()
    paces.refuse("one", (400, 400))
    with pytest.raises(Problem, match=r"which takes about [0-9.]+ s here, and this service allows 0\.5 s") as refused:
        paces.refuse("one", (2000, 2000))
    assert refused.value.status == 413
    most = paces.most("one")
    assert 200_000 < most < 600_000
    paces.took("one", (2000, 2000), 0.1)  # it has become faster
    assert paces.most("one") > most


def test_a_picture_whose_turn_comes_too_late_is_sent_away_and_not_computed_in_vain() -> None:
    engine = BrightestChannel()
    with serving({"one": plain_parser(engine)}, ServeSettings(time_limit=3.0)) as running:
        running.server.paces.took("one", (1000, 1000), 14.0)
        engine.gate.clear()
        with ThreadPoolExecutor() as threads:
            first = threads.submit(running.ask, "/v1/parse", picture())
            running.until_waiting(1)
            second = threads.submit(running.ask, "/v1/parse", picture((400, 500)))  # 2.8 seconds
            time.sleep(1.0)
            engine.gate.set()
            assert first.result().status == 200
            refused = second.result()
    assert refused.status == 503 and "turn came too late" in refused.json()["detail"]
    assert int(refused.headers["retry-after"]) >= 1
    assert engine.calls == 1


def test_a_batch_is_no_larger_than_its_oldest_picture_can_wait_for() -> None:
    engine = BrightestChannel()
    with serving({"one": plain_parser(engine)}, ServeSettings(time_limit=6.0, batch=4)) as running:
        running.server.paces.took("one", (1000, 1000), 10.0)  # so that one takes 2 seconds, and four longer than 6
        engine.gate.clear()
        with ThreadPoolExecutor() as threads:
            first = threads.submit(running.ask, "/v1/parse", picture())
            running.until_waiting(1)
            others = [threads.submit(running.ask, "/v1/parse", picture((400, 500))) for _ in range(4)]
            running.until_waiting(5)
            time.sleep(0.3)
            engine.gate.set()
            assert [one.result().status for one in (first, *others)] == [200] * 5
    assert engine.batches[0] == 1 and engine.batches[1] in (2, 3)


def test_small_pictures_say_nothing_of_large_ones() -> None:
    paces = paces_of(plain_parser(), time_limit=0.5)
    paces.took("one", (20, 20), 0.4)
    paces.refuse("one", (2000, 2000))
    assert 2**23 - 10_000 < paces.most("one") <= 2**23  # the limit of what goes through a network


def test_a_model_that_knows_its_sizes_takes_whatever_the_service_does() -> None:
    paces = paces_of(plain_parser(Slow(), sizes=LEARNT))
    paces.measure()
    paces.refuse("one", (6000, 8000))
    assert (paces.most("one"), paces.largest("one")) == (8192 * 4096, 2**26)


@pytest.mark.parametrize(
    "limits", [{}, {"max_side": 5000}, {"max_pixels": 10**6}, {"max_pixels": 10**6, "max_side": 1200}]
)
def test_what_is_listed_and_advised_is_within_the_limits_of_pixels_and_sides(limits: dict[str, int]) -> None:
    settings = ServeSettings(**limits)  # type: ignore[arg-type]
    paces = Paces({"one": plain_parser(sizes=LEARNT)}, settings)
    for height, width in ((1, 1), (3, 4), (2, 3), (9, 16), (1, 2)):
        side = math.sqrt(paces.most("one") / (height * width))
        assert max(height, width) * side <= settings.max_side + 1, (
            "every picture of a usual shape up to so many is taken"
        )
    assert paces.largest("one") == min(settings.max_pixels, settings.max_side**2)
    for size in ((8000, 10_000), (60, 9000), (8300, 8200), (1, 20_000)):
        content = bytearray(picture())
        content[16:24] = b"".join(side.to_bytes(4, "big") for side in size[::-1])
        content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
        with pytest.raises(Problem, match=r"Made smaller, to [\d,]+ × [\d,]+ pixels, it is taken") as refused:
            inspected(bytes(content), settings, partial(paces.fitting, "one"))
        fits = refused.value.fits
        assert fits is not None and max(fits) <= settings.max_side and math.prod(fits) <= settings.max_pixels
        paces.refuse("one", fits)
