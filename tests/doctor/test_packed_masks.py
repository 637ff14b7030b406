"""Masks of which a program made fewer bits: said where ids are not certain, and the advice is right when followed."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sceneparse.datasets.opening import open_dataset
from sceneparse.errors import UserError
from sceneparse.settings import DataSettings
from tests.doctor.test_picture_rules import diagnose, found, random_picture, write
from tests.support.packed_png import packed_png

Save = Callable[[Path, NDArray[np.uint8]], None]
FOUR = {"names": ["sky", "road", "car", "tree"]}
BLACK_AND_WHITE = {"names": ["sky", "road"], "ids": [0, 255]}


def grey(path: Path, values: NDArray[np.uint8]) -> None:
    Image.fromarray(values).save(path)


def shrunk(bits: int) -> Save:
    """As a program that shrinks PNGs writes greys that are all multiples of what few bits are shown as."""
    return lambda path, values: (path.write_bytes(packed_png(values // (255 // (2**bits - 1)), bits)), None)[1]


def of_palette(path: Path, values: NDArray[np.uint8]) -> None:
    greys, indices = np.unique(values, return_inverse=True)
    image = Image.fromarray(indices.reshape(values.shape).astype(np.uint8))
    image.putpalette(np.repeat(greys, 3).tobytes())
    image.save(path)


def row(*values: int) -> NDArray[np.uint8]:
    return np.array([values] * 3, np.uint8)


def data_set(root: Path, space: dict[str, Any], *masks: tuple[Save, NDArray[np.uint8]]) -> Path:
    write(root, len(masks), random_picture(), lambda path, index: masks[index][0](path, masks[index][1]))
    (root / "classes.json").write_text(json.dumps(space))
    return root


def labels(root: Path) -> list[list[int]]:
    split = open_dataset(DataSettings(root=str(root)), "train")
    return [sample.objects[0].tolist() for sample in (split[index] for index in range(len(split)))]  # type: ignore[index]


def as_shown(root: Path) -> None:
    for path in root.glob("*/masks/*.png"):
        with Image.open(path) as image:
            image.convert("L").save(path)


class TestTwoReadings:
    @pytest.mark.parametrize(
        ("save", "values", "ignore", "says"),
        [
            (shrunk(1), row(0, 255, 255, 0), 255, "1 bit a pixel.*1 is class 'road', or ignored as the 255"),
            (shrunk(2), row(0, 85, 85, 255), [85, 255], "2 bits a pixel.*1 is class 'road', or ignored as the 85"),
            (shrunk(4), row(0, 51, 34, 0), [51, 34], "4 bits a pixel.*2 is class 'car', or ignored as the 34"),
            (of_palette, row(0, 255, 2, 0), 255, "a palette of greys.*1 is class 'road', or class 'car' as the 2"),
        ],
        ids=["1 bit", "2 bits", "4 bits", "palette"],
    )
    def test_are_refused_and_the_greys_that_are_shown_are_right(
        self, save: Save, values: NDArray[np.uint8], ignore: object, says: str, tmp_path: Path
    ) -> None:
        space = {**FOUR, "ignore": ignore}
        data_set(tmp_path, space, (grey, row(0, 1, 2, 3)), (save, values), (save, row(0, 0, 0, 0)))
        finding = found(diagnose(tmp_path), "mask-bits")
        assert finding is not None and finding.severity == "error"
        assert re.search(says, finding.message) and "train/masks/1.png" in finding.message
        assert not any("2.png" in example for example in finding.examples)  # 0 is 0 in every form
        with pytest.raises(UserError, match=f"1.png: has {says}"):
            labels(tmp_path)
        as_shown(tmp_path)
        assert diagnose(tmp_path).ok
        ignored = [ignore] if isinstance(ignore, int) else ignore
        expected = [-1 if value in ignored else value for value in values[0].tolist()]  # type: ignore[operator]
        assert labels(tmp_path) == [[0, 1, 2, 3], expected, [0, 0, 0, 0]]

    def test_are_no_doubt_where_all_masks_are_of_one_form(self, tmp_path: Path) -> None:
        space = {"names": ["sky", "road"], "ignore": 255}
        data_set(tmp_path, space, *[(shrunk(1), row(0, 255, 255, 0))] * 2)
        assert diagnose(tmp_path).ok
        assert labels(tmp_path) == [[0, 1, 1, 0]] * 2

    def test_are_refused_where_another_split_alone_is_of_another_form(self, tmp_path: Path) -> None:
        space = {"names": ["sky", "road"], "ignore": 255}
        data_set(tmp_path, space, *[(shrunk(1), row(0, 255, 255, 0))] * 2)
        grey(tmp_path / "val" / "masks" / "0.png", row(0, 1, 255, 0))
        assert found(diagnose(tmp_path), "mask-bits") is not None
        with pytest.raises(UserError, match=r"0.png: has 1 bit a pixel.*1 is class 'road', or ignored as the 255"):
            labels(tmp_path)

    def test_are_no_doubt_where_one_alone_is_known(self, tmp_path: Path) -> None:
        data_set(tmp_path, FOUR, (grey, row(0, 1, 2, 3)), (shrunk(1), row(0, 255, 0, 0)))
        assert diagnose(tmp_path).ok
        assert labels(tmp_path) == [[0, 1, 2, 3], [0, 1, 0, 0]]


class TestUnknownNumbersThatAreShownAsKnownOnes:
    @pytest.mark.parametrize("save", [shrunk(1), of_palette])
    def test_of_all_masks_are_ids(self, save: Save, tmp_path: Path) -> None:
        data_set(tmp_path, BLACK_AND_WHITE, *[(save, row(0, 255, 255, 0))] * 2)
        finding = found(diagnose(tmp_path), "unknown-values")
        assert finding is not None and "1 is shown as 255" in finding.message
        assert "ignore" not in finding.message.partition("is shown as")[2]
        with pytest.raises(UserError, match=r"if all masks are of that form, put \"ids\": \[0, 1\]"):
            labels(tmp_path)
        change = json.loads(f"{{{re.findall(r'put (.*) into classes', finding.message)[0]}}}")
        (tmp_path / "classes.json").write_text(json.dumps({**BLACK_AND_WHITE, **change}))
        assert diagnose(tmp_path).ok
        assert labels(tmp_path) == [[0, 1, 1, 0]] * 2

    @pytest.mark.parametrize("save", [shrunk(1), of_palette])
    def test_of_some_masks_are_written_anew(self, save: Save, tmp_path: Path) -> None:
        masks = [(save, row(0, 255, 255, 0)), (grey, row(255, 0, 0, 0))]
        data_set(tmp_path, BLACK_AND_WHITE, *masks)
        finding = found(diagnose(tmp_path), "unknown-values")
        assert finding is not None and "write them anew with 8 bits" in finding.message
        assert '"ids"' not in finding.message and '"ignore"' not in finding.message
        as_shown(tmp_path)
        assert diagnose(tmp_path).ok
        assert labels(tmp_path) == [[0, 1, 1, 0], [1, 0, 0, 0]]

    @pytest.mark.parametrize(("suffix", "options"), [(".tif", {}), (".tif", {"compression": "group4"}), (".pbm", {})])
    def test_of_other_forms_are_ids_too(self, suffix: str, options: dict[str, str], tmp_path: Path) -> None:
        def save(path: Path, values: NDArray[np.uint8]) -> None:
            Image.fromarray(values).convert("1").save(path.with_suffix(suffix), **options)

        data_set(tmp_path, BLACK_AND_WHITE, *[(save, row(0, 255, 255, 0))] * 2)
        finding = found(diagnose(tmp_path), "unknown-values")
        assert finding is not None
        change = json.loads(f"{{{re.findall(r'put (.*) into classes', finding.message)[0]}}}")
        (tmp_path / "classes.json").write_text(json.dumps({**BLACK_AND_WHITE, **change}))
        assert diagnose(tmp_path).ok
        assert labels(tmp_path) == [[0, 1, 1, 0]] * 2

    def test_as_colours_are_read_as_they_are_shown(self, tmp_path: Path) -> None:
        space = {"names": ["sky", "road"], "masks": "rgb", "colors": [[0, 0, 0], [255, 255, 255]]}
        colors: Save = lambda path, values: Image.fromarray(values).convert("RGB").save(path)  # noqa: E731
        data_set(tmp_path, space, (shrunk(1), row(0, 255, 255, 0)), (colors, row(255, 0, 0, 0)))
        assert diagnose(tmp_path).ok
        assert labels(tmp_path) == [[0, 1, 1, 0], [1, 0, 0, 0]]
