import numpy as np
import pytest

from sceneparse.diagnosing.calibration import BINS, CalibrationCounts


def test_the_error_is_the_papers_sum_over_intervals_whatever_the_pieces() -> None:
    generator = np.random.default_rng(0)
    confidence = generator.random(5000).astype(np.float32)
    right = generator.random(5000) < confidence**2
    counts = CalibrationCounts()
    for part in np.split(np.arange(5000), [7, 900, 3000]):
        counts.add(confidence[part], right[part])
    expected = 0.0
    for interval in range(BINS):
        inside = (confidence > interval / BINS) & (confidence <= (interval + 1) / BINS)
        expected += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    assert counts.result().error == pytest.approx(expected, abs=1e-6)
    assert counts.result().overconfidence == pytest.approx(confidence.mean() - right.mean(), abs=1e-6)


def test_a_model_that_is_right_as_often_as_it_says_has_no_error() -> None:
    counts = CalibrationCounts()
    counts.add(np.full(100, 0.75, dtype=np.float32), np.arange(100) < 75)
    result = counts.result()
    assert result.error == 0 and result.curve() == [(0.75, 0.75)]


def test_certainty_and_doubt_fall_into_the_outermost_intervals() -> None:
    counts = CalibrationCounts()
    counts.add(np.array([0.0, 1.0], dtype=np.float32), np.array([False, True]))
    assert counts.result().pixels.tolist() == [1, *[0] * (BINS - 2), 1]
    assert CalibrationCounts().result().error == 0
