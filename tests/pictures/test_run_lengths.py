import numpy as np
import pytest

from sceneparse.pictures.run_lengths import run_lengths


def decoded(rle: dict[str, list[int]]) -> np.ndarray:
    """COCO's uncompressed RLE, by its definition: runs of 0 and 1 in turn, column by column."""
    flat = np.repeat(np.arange(len(rle["counts"])) % 2, rle["counts"])
    return flat.reshape(rle["size"], order="F")


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (7, 5), (31, 40)])
def test_every_mask_comes_back_from_its_runs(size: tuple[int, int]) -> None:
    labels = np.random.default_rng(0).integers(-1, 4, size).astype(np.int16)
    masks = run_lengths(labels)
    assert set(masks) == set(np.unique(labels).tolist()) - {-1}
    for index, rle in masks.items():
        assert rle["size"] == list(size) and sum(rle["counts"]) == labels.size
        assert all(count > 0 for count in rle["counts"][1:])
        np.testing.assert_array_equal(decoded(rle), labels == index)


def test_runs_go_down_the_columns_and_begin_with_those_outside() -> None:
    labels = np.array([[0, 1, 1], [0, 1, 1]], np.int16)
    assert run_lengths(labels) == {0: {"size": [2, 3], "counts": [0, 2, 4]}, 1: {"size": [2, 3], "counts": [2, 4]}}
