import numpy as np

from sceneparse.drawing.paint import CORRECT, UNKNOWN, WRONG, blend, error_map, paint
from sceneparse.labels import LabelSpace

SPACE = LabelSpace(("sky", "road"), colors=((10, 20, 30), (200, 100, 50)))


def test_a_label_map_is_painted_in_its_label_space_and_black_where_unknown() -> None:
    painted = paint(np.array([[0, 1, -1]], dtype=np.int16), SPACE)
    assert painted.dtype == np.uint8
    assert painted.tolist() == [[[10, 20, 30], [200, 100, 50], [0, 0, 0]]]


def test_blending_is_exact_at_both_ends_and_in_proportion_between() -> None:
    rng = np.random.default_rng(0)
    image, colors = rng.integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    assert (blend(image, colors, 0.0) == image).all()
    assert (blend(image, colors, 1.0) == colors).all()
    wanted = 0.7 * image + 0.3 * colors.astype(float)
    assert np.abs(blend(image, colors, 0.3) - wanted).max() <= 1.0


def test_the_error_map_tells_right_wrong_and_unknown_apart() -> None:
    truth, prediction = np.array([[0, 1, -1]]), np.array([[0, 0, 1]])
    assert error_map(truth, prediction).tolist() == [[list(CORRECT), list(WRONG), list(UNKNOWN)]]
