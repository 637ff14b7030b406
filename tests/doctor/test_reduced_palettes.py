"""The doctor on palette masks that programs renumber from file to file: an error, and reading colours is exact."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse.datasets.opening import open_dataset
from sceneparse.settings import DataSettings
from tests.doctor.test_picture_rules import MASK, diagnose, found, random_picture, write

COLORS = np.array([(0, 0, 0), (200, 0, 0), (0, 200, 0)], dtype=np.uint8)
LABELS = {
    "two of three in each": [[0, 0, 0, 1], [0, 0, 0, 2], [0, 0, 0, 1]],
    "all in each, by frequency": [[0, 0, 1, 2], [1, 1, 2, 0], [0, 2, 2, 1]],
    "the background alone": [[0, 0, 0, 0], [1, 1, 1, 0], [2, 2, 0, 1]],
    "one class alone": [[1, 1, 1, 1], [2, 2, 2, 2], [0, 0, 0, 1]],
}
FORMS = {"GIF": "gif", "PNG": "png", "BMP": "bmp", "TIFF": "tif"}


def renumbered(form: str, labels: list[list[int]], padded: bool, path: Path, index: int) -> None:
    """Save a mask as programs do that leave out colours which don't occur and sort the others by frequency."""
    mask = np.array([labels[index % len(labels)]] * 3, dtype=np.uint8)
    found, counts = np.unique(mask, return_counts=True)
    order = found[np.argsort(-counts, kind="stable")]
    image = Image.fromarray(np.searchsorted(np.sort(order), mask).astype(np.uint8))
    image = Image.fromarray(np.argsort(order)[np.array(image)].astype(np.uint8))
    palette = COLORS[order].ravel().tolist()
    image.putpalette(palette + [0] * (768 - len(palette)) * padded)
    image.save(path.with_suffix(f".{FORMS[form]}"), form)


class TestReducedPalettes:
    @pytest.mark.parametrize("padded", [False, True])
    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("case", LABELS)
    def test_indices_that_change_from_file_to_file_are_an_error_that_colours_mend(
        self, case: str, form: str, padded: bool, tmp_path: Path
    ) -> None:
        labels = LABELS[case]
        write(tmp_path, 3, random_picture(), partial(renumbered, form, labels, padded))
        space = {"names": ["none", "road", "tree"]}
        (tmp_path / "classes.json").write_text(json.dumps(space))
        finding = found(diagnose(tmp_path), "palette-order")
        assert finding is not None and finding.severity == "error"
        colors = json.loads(f"[{finding.message.partition('in the masks are ')[2].rstrip(')')}]")
        assert sorted(colors) == sorted(COLORS.tolist())
        (tmp_path / "classes.json").write_text(json.dumps({**space, "masks": "rgb", "colors": COLORS.tolist()}))
        assert diagnose(tmp_path).ok
        for index, sample in enumerate(
            map(open_dataset(DataSettings(root=str(tmp_path)), "train").__getitem__, range(3))
        ):
            assert sample.objects is not None and sample.objects.tolist() == [labels[index]] * 3

    def test_the_same_ids_in_colours_of_two_programs_are_a_warning(self, tmp_path: Path) -> None:
        def save(path: Path, index: int) -> None:
            image = Image.fromarray(MASK)
            image.putpalette([(7 * level + 31 * index * (1 + level % 3)) % 256 for level in range(768)])
            image.save(path)

        write(tmp_path, 3, random_picture(), save)
        diagnosis = diagnose(tmp_path)
        finding = found(diagnosis, "palettes-differ")
        assert diagnosis.ok and finding is not None and finding.severity == "warning"
