import pytest

from sceneparse.diagnosing.findings import sure, wilson


@pytest.mark.parametrize(
    ("times", "chances", "expected"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), table I, method 3
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
        (29, 29, (0.8830, 1.0)),
    ],
)
def test_wilsons_interval_is_the_published_one(times: int, chances: int, expected: tuple[float, float]) -> None:
    assert wilson(times, chances, z=1.959964) == pytest.approx(expected, abs=1e-4)


def test_without_a_chance_anything_is_possible() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_what_happens_as_often_as_elsewhere_is_not_sure() -> None:
    assert not sure(3, 100, 0.02)
    assert sure(12, 100, 0.02)
    assert not sure(1, 2, 0.25)
