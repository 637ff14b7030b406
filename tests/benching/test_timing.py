import functools
from collections import Counter

import pytest
import torch

from sceneparse.benching import matrix_peak as peaks
from sceneparse.benching.timing import Quartiles, peak_alone, take_turns


def test_each_round_another_function_is_first_and_warm_up_does_not_count() -> None:
    order: list[str] = []
    runs = {name: functools.partial(order.append, name) for name in "abc"}
    times = take_turns(runs, torch.device("cpu"), repeats=3, warm_up=1, say=lambda _: None)
    assert "".join(order) == "abcbcacababc"
    assert {name: len(found) for name, found in times.items()} == dict.fromkeys("abc", 3)
    assert Counter(order) == {"a": 4, "b": 4, "c": 4}


def test_nothing_to_measure_takes_no_turns() -> None:
    assert take_turns({}, torch.device("cpu"), repeats=2, warm_up=1, say=lambda _: None) == {}


def test_quartiles_of_one_figure_are_that_figure() -> None:
    assert Quartiles.of([3.0]) == (3, 3, 3)
    assert Quartiles.of([10, 2, 8, 4, 6]) == (6, 4, 8)


def test_memory_is_what_a_process_of_its_own_needs_beyond_its_libraries() -> None:
    # Makes a function that allocates so many float32 numbers.
    make = functools.partial(functools.partial, torch.ones)
    assert 60 < peak_alone(make, (10,), (16 << 20,), "cpu") < 80


def test_the_matrix_peak_is_multiply_adds_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peaks, "CPU_SIDES", (256,))
    # Between a scalar unit and any processor there is.
    assert 1e8 < peaks.matrix_peak(torch.device("cpu"), "float32") < 1e14
