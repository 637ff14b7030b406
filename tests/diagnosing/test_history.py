"""What a training's record says of its end, whatever noise its validations have."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sceneparse.comparing.run import best_validation
from sceneparse.diagnosing.history import History, over_fitting, scores_of, still_climbing
from sceneparse.diagnosing.trends import falls, rises, slope
from sceneparse.training.validation import worth

LOSSES = [(float(step), 2.0 - step / 6000) for step in range(100, 10_001, 100)]


def record(curve: Callable[[float], float], count: int, noise: float = 0.0, seed: int = 0) -> list[tuple[float, float]]:
    """So many validations of a training of 10,000 iterations, along a curve of 0..1."""
    generator = np.random.default_rng(seed)
    shares = [(index + 1) / count for index in range(count)]
    return [(10_000 * share, curve(share) + noise * float(generator.standard_normal())) for share in shares]


def rising(share: float) -> float:
    return 0.2 + 0.3 * share


def levelled(share: float) -> float:
    return 0.5 - 0.3 * float(np.exp(-12 * share))


def fallen(share: float) -> float:
    return 0.5 - 0.3 * abs(share - 0.3)


@pytest.mark.parametrize("count", [4, 5, 10, 30])
def test_a_mean_iou_that_rises_to_the_end_is_found_with_how_much(count: int) -> None:
    found = still_climbing(record(rising, count, 0.002))
    assert found is not None and found.validations == max(4, -(-count // 3)) and found.last == 10_000
    assert found.high - found.low == pytest.approx(0.3 * (found.last - found.first) / 10_000, rel=0.2)
    assert found.high == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("curve", [levelled, fallen])
@pytest.mark.parametrize("count", [3, 10, 30])
def test_one_that_has_levelled_off_or_fallen_is_not(curve: Callable[[float], float], count: int) -> None:
    assert still_climbing(record(curve, count)) is None


def test_noise_alone_is_seldom_taken_for_a_rise_and_never_one_validation() -> None:
    flat = [record(lambda _: 0.5, count, 0.01, seed) for count in (5, 12, 24) for seed in range(100)]
    assert sum(still_climbing(one) is not None for one in flat) < 0.08 * len(flat)
    last = [*record(levelled, 12)[:-1], (10_000.0, 0.6)]
    assert still_climbing(last) is None


def test_a_score_that_falls_while_the_loss_does_too_is_over_fitting() -> None:
    found = over_fitting(record(fallen, 20, 0.002), LOSSES)
    assert found is not None and 2000 <= found.best_iteration <= 4000 and found.last == 10_000
    assert found.best > found.end + 0.1 and found.loss_end < found.loss_then
    assert over_fitting(record(fallen, 20, 0.002), [(when, 1.0) for when, _ in LOSSES]) is None, "the loss stayed"
    for curve in (rising, levelled):
        assert over_fitting(record(curve, 20, 0.002), LOSSES) is None
    noisy = [record(lambda _: 0.5, 20, 0.01, seed) for seed in range(100)]
    assert sum(over_fitting(one, LOSSES) is not None for one in noisy) < 5
    assert over_fitting([], LOSSES) is over_fitting(record(fallen, 20), []) is None


def test_of_weights_and_their_average_the_better_one_counts() -> None:
    lines = [
        {"kind": kind, "iteration": 100 * index, "mean_iou": 0.1 * index - (kind == "validation"), "protocol": "whole"}
        for index in range(1, 7)
        for kind in ("validation", "validation_average")
    ]
    history = History.of([*lines, {"kind": "train", "iteration": 100, "loss": None}, {"kind": "validation"}])
    assert history.validations == 6 and history.climbing is not None and history.over_fitting is None
    assert history.to_json()["still_climbing"]["high"] == pytest.approx(0.6)
    assert History.of([]).to_json() == {
        "validations": 0,
        "score": "mean IoU",
        "still_climbing": None,
        "over_fitting": None,
    }


def test_the_best_validation_is_the_one_that_training_and_compare_choose() -> None:
    """The objects of a unified model get worse while its other tasks gain more."""
    lines: list[dict[str, Any]] = []
    for step in range(1, 13):
        scores = {"mean_iou": 0.5 - 0.02 * step, "scene_top1": 0.3 + 0.05 * step}
        lines.append({"kind": "train", "iteration": step, "loss": 2 / step})
        lines.append({"kind": "validation", "iteration": step, **scores, "protocol": "whole"})
    history, best = History.of(lines), best_validation(lines)
    assert history.over_fitting is None and history.climbing is not None
    assert best is not None and best.iteration == history.climbing.last == 12
    headlines = {"scene_top1": 0.9}
    assert scores_of(lines)[-1][1] == pytest.approx(worth({"mean_iou": 0.26, "headlines": headlines}))
    assert history.score == "mean of mean IoU and scene top-1" and History.of(lines[:1]).score == "mean IoU"


def test_trends_go_by_order_and_slopes_by_the_median() -> None:
    line = [(float(when), 2.0 * when) for when in range(6)]
    assert rises(line) and not falls(line) and slope(line) == 2
    assert slope([*line, (6.0, -100.0)]) == pytest.approx(2, abs=0.01)
    assert not rises(line[:3]), "three may be in order by chance"
