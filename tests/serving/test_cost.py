"""What a picture costs: by the pixels that the network sees and by its own, told apart and followed as they change."""

import pytest

from sceneparse.serving.cost import Cost, Timing

NETWORK, DECIDING = 5e-6, 0.45e-6
SMALL, LARGE, PHONE = (49_152, 49_152), (622_213, 3_145_728), (622_213, 48_000_000)
LAPTOP = (700_000, 700_000)


def parse(pixels: tuple[int, int], slower: float = 1.0) -> Timing:
    return Timing(*pixels, slower * seconds(pixels))


def seconds(pixels: tuple[int, int]) -> float:
    return NETWORK * pixels[0] + DECIDING * pixels[1]


@pytest.fixture
def cost() -> Cost:
    measured = Cost()
    measured.measured(parse(SMALL), parse(LARGE))
    return measured


def test_two_measurements_tell_what_the_network_takes_from_what_the_answer_takes(cost: Cost) -> None:
    for pixels in (SMALL, LARGE, PHONE, LAPTOP):
        assert cost.foreseen(*pixels) == pytest.approx(seconds(pixels))


@pytest.mark.parametrize("stream", [PHONE, LAPTOP])
def test_many_pictures_of_one_kind_leave_what_is_foreseen_for_others(cost: Cost, stream: tuple[int, int]) -> None:
    for _ in range(100):
        cost.observe(parse(stream))
    for pixels in (SMALL, PHONE, LAPTOP):
        assert cost.foreseen(*pixels) == pytest.approx(seconds(pixels))


@pytest.mark.parametrize("slower", [0.25, 4.0])
def test_a_machine_that_becomes_faster_or_slower_is_followed(cost: Cost, slower: float) -> None:
    for _ in range(12):
        cost.observe(parse(LAPTOP, slower))
        cost.observe(parse(PHONE, slower))
    for pixels in (PHONE, LAPTOP):
        assert cost.foreseen(*pixels) == pytest.approx(slower * seconds(pixels), rel=0.1)


def test_large_answers_that_take_longer_than_measured_make_no_small_picture_slow() -> None:
    unaware = Cost()
    unaware.measured(Timing(*SMALL, NETWORK * SMALL[0]), Timing(*LARGE, NETWORK * LARGE[0]))  # deciding seemed free
    for _ in range(12):
        unaware.observe(parse(PHONE))
    assert unaware.foreseen(*PHONE) == pytest.approx(seconds(PHONE), rel=0.1)
    assert unaware.foreseen(*LAPTOP) < 2 * seconds(LAPTOP)
    for _ in range(8):
        unaware.observe(parse(LAPTOP))
        unaware.observe(parse(PHONE))
    assert unaware.foreseen(*LAPTOP) == pytest.approx(seconds(LAPTOP), rel=0.1)


def test_one_parse_that_met_something_else_counts_little(cost: Cost) -> None:
    cost.observe(parse(LAPTOP, 100.0))
    assert cost.foreseen(*LAPTOP) < 2 * seconds(LAPTOP)
    for _ in range(4):
        cost.observe(parse(LAPTOP))
    assert cost.foreseen(*LAPTOP) < 1.3 * seconds(LAPTOP)


def test_no_rate_falls_below_nothing() -> None:
    odd = Cost()
    odd.measured(Timing(*SMALL, 1.0), Timing(*LARGE, 0.5))  # the small one met something else
    assert 0 < odd.foreseen(*LARGE) <= odd.foreseen(*PHONE)
    for _ in range(40):
        odd.observe(Timing(*LARGE, 1e-6))
    assert odd.foreseen(*SMALL) >= 0 and odd.foreseen(*PHONE) >= 0


def test_without_measurements_the_first_parses_say_what_is_known() -> None:
    new = Cost()
    assert new.foreseen(*PHONE) == 0
    for _ in range(30):
        new.observe(parse(PHONE))
        new.observe(parse(LAPTOP))
    for pixels in (PHONE, LAPTOP):
        assert new.foreseen(*pixels) == pytest.approx(seconds(pixels), rel=0.05)
