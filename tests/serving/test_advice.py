"""What is refused, and the size that is advised instead: for the picture's own shape, where size and cost part ways."""

import time
from collections.abc import Iterator

import pytest
import torch

from sceneparse.errors import UserError
from sceneparse.inference.crf import peak_bytes
from sceneparse.parsing import Parser
from sceneparse.serving import pace
from sceneparse.serving.cost import Timing
from sceneparse.serving.pace import Paces
from sceneparse.serving.problems import Problem
from sceneparse.serving.settings import ServeSettings
from sceneparse.settings import LearntSizes, ProtocolSettings
from tests.support.brightest import BrightestChannel, brightest_parser
from tests.support.served import SPACE, Service, picture, plain_parser, serving, unified_parser, until

JPEG = {"Content-Type": "image/jpeg"}
PHONE = (6000, 8000)


def of_sizes(short: int, largest: int) -> Parser:
    return plain_parser(sizes=LearntSizes(short=short, largest=largest, seen=(short // 2, largest)))


def paces_of(parser: Parser, network: float, deciding: float = 0.0, **settings: float) -> Paces:
    """Paces of a model that takes so many microseconds a pixel."""
    paces = Paces({"one": parser}, ServeSettings(**settings))  # type: ignore[arg-type]
    for _ in range(200):
        for size in ((200, 300), (400, 500), PHONE):
            _, seen = parser.protocol.seen_pixels(size)
            paces.took("one", size, 1e-6 * (network * seen + deciding * size[0] * size[1]))
    return paces


def refused(paces: Paces, size: tuple[int, int]) -> Problem:
    with pytest.raises(Problem) as caught:
        paces.refuse("one", size)
    assert caught.value.status == 413
    return caught.value


def test_large_answers_make_no_small_picture_slow() -> None:
    paces = paces_of(of_sizes(683, 683), network=5.0, deciding=0.45)
    before = paces.most("one")
    for _ in range(3):
        paces.took("one", PHONE, 24.7)
    assert paces.most("one") == before == 8192 * 4096
    assert paces.foreseen("one", (683, 1024)) == pytest.approx(3.8, rel=0.1)
    paces.refuse("one", (683, 1024))


def test_an_answer_that_would_take_too_long_is_refused_though_its_network_would_not() -> None:
    paces = paces_of(of_sizes(683, 683), network=5.0, deciding=2.0)
    problem = refused(paces, PHONE)
    assert "at 910 × 683 pixels, for labels at 8,000 × 6,000, which takes about 99 s" in problem.detail
    assert problem.fits is not None and problem.fits[0] == pytest.approx(4620, rel=0.02)
    paces.refuse("one", problem.fits)


@pytest.mark.parametrize(
    ("sizes", "network", "size", "words"),
    [
        ((500, 3000), 1.0, (3000, 4000), "this service allows 8,388,608 for a network"),
        ((683, 2000), 30.0, (1900, 2560), "which takes about 146 s"),
        ((512, 512), 30.0, (800, 8000), "which takes about 79 s"),
        ((512, 512), 27.0, (800, 8000), "which takes about 71 s"),
        ((512, 512), 30.0, (8000, 800), "which takes about 79 s"),
    ],
)
def test_the_advised_size_has_the_pictures_shape_is_smaller_and_is_taken(
    sizes: tuple[int, int], network: float, size: tuple[int, int], words: str
) -> None:
    paces = paces_of(of_sizes(*sizes), network)
    problem = refused(paces, size)
    assert words in problem.detail
    height, width = problem.fits or (0, 0)
    assert f"Made smaller, to {width:,} × {height:,} pixels, it is taken." in problem.detail
    assert height < size[0] and width < size[1]
    assert height / width == pytest.approx(size[0] / size[1], rel=0.01)
    paces.refuse("one", (height, width))
    side = min(height, width) + 1
    refused(paces, (size[0] * side // min(size), size[1] * side // min(size)))  # it is the largest


def test_a_larger_picture_may_be_taken_where_a_smaller_one_is_refused_and_what_is_listed_says_so() -> None:
    paces = paces_of(of_sizes(500, 3000), network=1.0)
    paces.refuse("one", PHONE)
    refused(paces, (3000, 4000))
    most, largest = paces.most("one"), paces.largest("one")
    assert 2**23 - 10_000 < most <= 2**23 and largest == 2**26
    for height, width in ((1, 1), (3, 4), (4, 3), (2, 3), (9, 16), (1, 2)):
        for share in (0.1, 0.3, 0.7, 1.0):
            side = (share * most / (height * width)) ** 0.5
            paces.refuse("one", (int(side * height), int(side * width)))


def test_a_picture_a_little_above_what_was_learnt_is_advised_to_the_sizes_above_it_that_fit() -> None:
    paces = paces_of(of_sizes(500, 1000), network=20.0, deciding=5.0)
    problem = refused(paces, PHONE)
    assert problem.fits is not None and problem.fits[0] > 1000
    paces.refuse("one", problem.fits)


def test_refusals_begin_at_the_time_limit() -> None:
    paces = paces_of(plain_parser(), network=10.0, time_limit=5.0)
    paces.refuse("one", (700, 700))
    refused(paces, (710, 710))


@pytest.fixture
def fixed() -> Iterator[tuple[Service, Paces]]:
    """A service of a model that sees every picture at one size."""
    protocol = ProtocolSettings("whole", resize="fixed", size=(300, 400))
    with serving({"one": brightest_parser(labels=SPACE, protocol=protocol)}) as service:
        yield service, service.server.paces


def test_a_model_that_refuses_everything_says_so_and_is_measured_again(
    fixed: tuple[Service, Paces], monkeypatch: pytest.MonkeyPatch
) -> None:
    service, paces = fixed
    for _ in range(3):
        paces.took("one", (300, 400), 200.0)
    listed = service.ask("/v1/models").json()["models"][0]
    assert listed["max_pixels"] == listed["largest_pixels"] == 0
    answer = service.ask("/v1/parse", picture((300, 400), "JPEG"), JPEG)
    assert answer.status == 413 and "fits" not in answer.json()
    assert "cannot parse it here at any size. Whoever runs the service can allow more" in answer.json()["detail"]
    monkeypatch.setattr(pace, "_RENEWAL", 0.0)
    paces._due["one"] = 0.0  # a while has passed
    until(lambda: service.ask("/v1/parse", picture((300, 400), "JPEG"), JPEG).status == 200)
    assert service.ask("/v1/models").json()["models"][0]["max_pixels"] > 300 * 400


def test_a_model_is_not_measured_anew_before_a_while_has_passed(fixed: tuple[Service, Paces]) -> None:
    service, paces = fixed
    paces.took("one", (300, 400), 200.0)
    for _ in range(3):
        assert service.ask("/v1/parse", picture((300, 400), "JPEG"), JPEG).status == 413
    assert not paces.due("one")


def test_a_measurement_that_fails_leaves_the_service_as_it_was() -> None:
    class Full(BrightestChannel):
        def __call__(self, images: torch.Tensor) -> torch.Tensor:
            if images[0].float().std() == 0:
                raise torch.OutOfMemoryError
            return super().__call__(images)

    with serving({"one": plain_parser(Full())}, ServeSettings(time_limit=5.0)) as service:
        paces = service.server.paces
        paces.took("one", (1000, 1000), 100.0)
        assert paces._due["one"] > time.monotonic()
        paces._due["one"] = 0.0
        assert service.ask("/v1/parse", picture((600, 800), "JPEG"), JPEG).status == 413
        assert service.ask("/v1/parse", picture(), JPEG).status == 200
        assert not paces.due("one")


def test_a_model_is_measured_on_a_large_answer_where_its_network_sees_it_small() -> None:
    class Noting(BrightestChannel):
        def __call__(self, images: torch.Tensor) -> torch.Tensor:
            sizes.add((images.shape[-2], images.shape[-1]))
            return super().__call__(images)

    sizes: set[tuple[int, int]] = set()
    own, learnt = plain_parser(Noting()), plain_parser(Noting(), sizes=LearntSizes(120, 120, (60, 120)))
    for parser, expected in ((own, {(192, 256)}), (learnt, {(120, 160)})):
        sizes.clear()
        paces = Paces({"one": parser}, ServeSettings())
        paces.measure()
        assert sizes == expected
        assert paces.foreseen("one", PHONE) > 0


CRF = ProtocolSettings(crf=True)


def test_a_crf_is_refused_what_it_lacks_the_memory_for_and_the_advised_size_is_taken() -> None:
    paces = Paces({"one": brightest_parser(labels=SPACE, protocol=CRF)}, ServeSettings(crf_bytes=2**28))
    problem = refused(paces, (1200, 1600))
    assert "The CRF of this service's protocol takes about" in problem.detail
    assert "GiB for 1,600 × 1,200 pixels, and 0.2 GiB are allowed." in problem.detail
    assert problem.fits is not None and peak_bytes(problem.fits, 3) <= 2**28
    paces.refuse("one", problem.fits)
    assert 0 < paces.most("one") <= paces.largest("one") < 300 * 400 * 2
    nothing = Paces({"one": brightest_parser(labels=SPACE, protocol=CRF)}, ServeSettings(crf_bytes=1000))
    assert "--max-tested, --crf-bytes)" in refused(nothing, (60, 80)).detail


def test_the_time_of_a_crf_is_foreseen_by_the_pictures_own_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "_SMALL", (24, 32))
    colors: list[int] = []

    class Noting(BrightestChannel):
        def __call__(self, images: torch.Tensor) -> torch.Tensor:
            colors.append(len(images.unique()))
            return super().__call__(images)

    sizes = LearntSizes(short=60, largest=60, seen=(40, 100))
    paces = Paces({"one": brightest_parser(Noting(), labels=SPACE, protocol=CRF, sizes=sizes)}, ServeSettings())
    paces.measure()
    assert min(colors) > 200, "a CRF has less to do where a picture has few colours"
    small = paces.foreseen("one", (192, 256))
    assert small > 0 and paces.foreseen("one", (384, 512)) / small == pytest.approx(7.4, rel=0.02)
    for _ in range(3):
        paces.took("one", (192, 256), 10.0)
    assert "which takes about" in refused(paces, (768, 1024)).detail


def test_a_crf_gets_all_pixels_of_a_picture_of_a_model_that_knows_its_sizes() -> None:
    learnt = brightest_parser(labels=SPACE, protocol=CRF, sizes=LearntSizes(short=20, largest=20, seen=(10, 30)))
    with serving({"one": learnt}) as service:
        for accept in ("application/json", "image/jpeg"):
            assert service.ask("/v1/parse", picture((160, 240), "JPEG"), {**JPEG, "Accept": accept}).status == 200


def test_a_crf_for_a_model_of_several_tasks_is_refused_when_the_service_starts() -> None:
    with pytest.raises(UserError, match=r"protocol\.crf is not for models of several tasks"):
        Paces({"one": unified_parser().with_protocol(CRF)}, ServeSettings()).measure()


def test_a_large_picture_is_not_measured_on_while_others_may_wait_unless_it_is_quick(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paces = paces_of(of_sizes(120, 120), network=1.0, deciding=1.0, time_limit=10.0)
    before = paces.foreseen("one", (192, 256))
    small = Timing(120 * 160, 192 * 256, before)
    assert paces._large("one", small, 10.0) == (1536, 2048), "3.2 seconds"
    assert paces._large("one", small, 1.0) is None
    faster = Timing(small.seen, small.own, before / 4)
    assert paces._large("one", faster, 1.0) == (1536, 2048)
    asked: list[float] = []
    monkeypatch.setattr(paces, "_large", lambda _model, _small, limit: asked.append(limit))
    paces.measure_model("one", waited_for=True)
    paces.measure()
    assert asked == [1.0, 10.0]
