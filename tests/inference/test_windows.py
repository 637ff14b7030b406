from typing import Any

import pytest
import torch

from sceneparse.inference.windows import AT_ONCE, WindowRows, pad_to, window_starts


@pytest.mark.parametrize(
    ("length", "window", "step", "expected"),
    [
        (473, 473, 316, [0]),
        (512, 473, 316, [0, 39]),
        (900, 473, 316, [0, 316, 427]),
        (789, 473, 316, [0, 316]),
    ],
)
def test_the_last_window_ends_with_the_picture(length: int, window: int, step: int, expected: list[int]) -> None:
    assert window_starts(length, window, step) == expected


def test_padding_goes_half_before_and_the_rest_after() -> None:
    padded, top, left = pad_to(torch.full((3, 4, 5), 9, dtype=torch.uint8), (7, 5), (1.5, 2.5, 3.5))
    assert (tuple(padded.shape), top, left) == ((3, 7, 5), 1, 0)
    assert padded[:, 0, 0].tolist() == [1.5, 2.5, 3.5] and padded[:, -2:, 0].tolist() == [
        [1.5] * 2,
        [2.5] * 2,
        [3.5] * 2,
    ]
    assert (padded[:, 1:5] == 9).all()


def test_windows_go_through_the_engine_a_few_at_a_time(toy: Any) -> None:
    engine = toy()
    windows = WindowRows(engine, torch.zeros(3, 20, 200), (10, 10), 0.5, flip=True, probabilities=True)
    windows.rows(0, 20)
    assert {shape[1] for shape in engine.seen} == {2 * AT_ONCE, 2 * (39 % AT_ONCE)}
    assert sum(shape[1] for shape in engine.seen) == 2 * 3 * 39


def test_each_window_is_scored_once_and_only_when_its_rows_are_wanted(toy: Any) -> None:
    engine = toy()
    windows = WindowRows(engine, torch.zeros(3, 40, 10), (10, 10), 0.5, flip=False, probabilities=True)
    windows.rows(0, 5)
    assert len(engine.seen) == 1
    for start in range(5, 40, 5):
        windows.rows(start, start + 5)
    assert len(engine.seen) == 7


def test_rows_can_only_be_asked_for_from_the_top_down(toy: Any) -> None:
    windows = WindowRows(toy(), torch.zeros(3, 40, 10), (10, 10), 0.5, flip=False, probabilities=True)
    windows.rows(20, 30)
    with pytest.raises(ValueError, match="from the top down"):
        windows.rows(0, 5)
