import numpy as np
import pytest

from sceneparse.pictures.run_lengths import compressed, run_lengths


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


def decompressed(text: str) -> list[int]:
    """COCO's compressed text by its definition: five bits a character, differences from the fourth number on."""
    counts: list[int] = []
    value = shift = 0
    for sign in text.encode():
        bits = sign - 48
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (1 << shift) if bits & 16 else 0
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    return counts


@pytest.mark.parametrize("counts", [[5], [0, 6], [1, 2, 3, 4, 500_000, 1, 15, 16, 17, 31, 32], [2**34, 1, 2**35, 0]])
def test_compressed_run_lengths_come_back(counts: list[int]) -> None:
    assert decompressed(compressed(counts)) == counts


def test_run_lengths_are_compressed_as_pycocotools_does_it() -> None:
    mask = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")
    labels = np.random.default_rng(0).integers(0, 2, (60, 70)).repeat(9, 0).astype(np.int16)
    for index, rle in run_lengths(labels).items():
        expected = mask.encode(np.asfortranarray((labels == index).astype(np.uint8)))["counts"]
        assert compressed(rle["counts"]) == expected.decode()
