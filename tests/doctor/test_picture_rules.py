"""The doctor on how files hold pictures and masks: what it says, and that following it helps."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sceneparse.cli import main
from sceneparse.datasets.opening import open_dataset
from sceneparse.doctor import Diagnosis, Finding, check
from sceneparse.errors import UserError
from sceneparse.settings import DataSettings
from tests.support.tiffs import Tiff, tiff_bytes

SPACE: dict[str, Any] = {"names": ["sky", "road", "car"], "colors": [[0, 0, 255], [128, 64, 128], [200, 0, 0]]}
RNG = np.random.default_rng(3)
MASK = np.array([[0, 1, 2, 2], [0, 1, 1, 2], [0, 0, 1, 2]], np.uint8)


def write(root: Path, count: int, picture: Callable[[Path], None], mask: Callable[[Path, int], None]) -> None:
    (root / "classes.json").write_text(json.dumps(SPACE))
    for split in ("train", "val", "test"):
        for kind in ("images", "masks"):
            (root / split / kind).mkdir(parents=True)
        for index in range(count):
            picture(root / split / "images" / f"{index}.png")
            mask(root / split / "masks" / f"{index}.png", index)


def random_picture(shape: tuple[int, ...] = (3, 4, 3), orientation: int = 1) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        exif = Image.Exif()
        if orientation > 1:
            exif[0x0112] = orientation
        Image.fromarray(RNG.integers(0, 256, shape, dtype=np.uint8)).save(path, exif=exif)

    return save


def plain_mask(values: NDArray[np.uint8] = MASK, orientation: int = 1) -> Callable[[Path, int], None]:
    def save(path: Path, _: int) -> None:
        exif = Image.Exif()
        if orientation > 1:
            exif[0x0112] = orientation
        Image.fromarray(values).save(path, exif=exif)

    return save


def diagnose(root: Path, **settings: Any) -> Diagnosis:
    return check(DataSettings(root=str(root), **settings), progress=False, workers=1)


def found(diagnosis: Diagnosis, code: str) -> Finding | None:
    return next((finding for finding in diagnosis.findings if finding.code == code), None)


class TestOrientation:
    @pytest.mark.parametrize("orientation", [2, 3, 4])
    def test_what_fits_turned_and_unturned_is_counted(self, orientation: int, tmp_path: Path) -> None:
        write(tmp_path, 2, random_picture(orientation=orientation), plain_mask())
        finding = found(diagnose(tmp_path), "unclear-orientation")
        assert finding is not None and finding.severity == "warning" and finding.count == 6
        assert "set data.orientation to ignore" in finding.message
        assert found(diagnose(tmp_path, orientation="ignore"), "unclear-orientation") is None
        path = tmp_path / "train" / "images" / "0.png"
        stored = np.array(Image.open(path))
        settings = DataSettings(root=str(tmp_path), orientation="ignore")
        sample = open_dataset(settings, "train")[0]
        assert sample.image.permute(1, 2, 0).tolist() == stored.tolist()
        assert sample.objects is not None and sample.objects.tolist() == MASK.tolist()

    @pytest.mark.parametrize("orientation", [5, 6, 7, 8])
    def test_square_pictures_fit_either_way(self, orientation: int, tmp_path: Path) -> None:
        write(tmp_path, 1, random_picture((3, 3, 3), orientation), plain_mask(MASK[:, :3]))
        assert found(diagnose(tmp_path), "unclear-orientation") is not None

    @pytest.mark.parametrize("orientation", [5, 6, 7, 8])
    def test_pictures_whose_masks_fit_one_way_are_clear(self, orientation: int, tmp_path: Path) -> None:
        write(tmp_path, 1, random_picture((4, 3, 3), orientation), plain_mask())
        assert found(diagnose(tmp_path), "unclear-orientation") is None and diagnose(tmp_path).ok
        wrong = found(diagnose(tmp_path, orientation="ignore"), "turned")
        assert wrong is not None and "set data.orientation" in wrong.message

    @pytest.mark.parametrize("orientation", range(2, 9))
    def test_a_mask_that_says_the_same_is_clear(self, orientation: int, tmp_path: Path) -> None:
        write(tmp_path, 1, random_picture(orientation=orientation), plain_mask(orientation=orientation))
        diagnosis = diagnose(tmp_path)
        assert diagnosis.ok and found(diagnosis, "unclear-orientation") is None

    @pytest.mark.parametrize("orientation", [5, 6, 7, 8])
    def test_masks_of_the_stored_pixels_are_read_by_the_setting_that_is_advised(
        self, orientation: int, tmp_path: Path
    ) -> None:
        write(tmp_path, 2, random_picture(orientation=orientation), plain_mask())
        finding = found(diagnose(tmp_path), "turned")
        assert finding is not None and finding.count == 6
        with pytest.raises(UserError, match=r"set data\.orientation to ignore"):
            open_dataset(DataSettings(root=str(tmp_path)), "train")[0]
        assert diagnose(tmp_path, orientation="ignore").ok


def deep(top: int, dtype: str = "u2") -> Callable[[Path], None]:
    def save(path: Path) -> None:
        values = (RNG.random((3, 4, 3)) * top).astype(dtype)
        values[0, 0] = 0
        values[0, 1] = top
        path.with_suffix(".tif").write_bytes(tiff_bytes(Tiff(values, 2)))

    return save


class TestRange:
    @pytest.mark.parametrize(("top", "advised"), [(900, 1023), (4000, 4095), (10000, 16383)])
    def test_few_bits_in_sixteen_are_found_and_the_range_is_named(self, top: int, advised: int, tmp_path: Path) -> None:
        write(tmp_path, 2, deep(top), plain_mask())
        finding = found(diagnose(tmp_path), "poor-range")
        assert finding is not None and finding.count == 6
        assert f"numbers from 0 to {top} alone, of 0 to 65,535" in finding.message
        assert f"set data.range to the numbers that are black and white, such as [0, {advised}]" in finding.message
        assert found(diagnose(tmp_path, range=(0, advised)), "poor-range") is None
        image = open_dataset(DataSettings(root=str(tmp_path), range=(0, advised)), "train")[0].image
        assert image.max() == int(top / advised * 255 + 0.5)

    def test_sixteen_bits_that_are_used_are_well(self, tmp_path: Path) -> None:
        write(tmp_path, 2, deep(60000), plain_mask())
        assert found(diagnose(tmp_path), "poor-range") is None

    def test_floats_are_refused_without_a_range_and_read_with_one(self, tmp_path: Path) -> None:
        write(tmp_path, 1, deep(1, "f4"), plain_mask())
        assert "data.range" in next(finding.message for finding in diagnose(tmp_path).findings)
        assert diagnose(tmp_path, range=(0, 1)).ok
        outside = found(diagnose(tmp_path, range=(5, 9)), "poor-range")
        assert outside is not None and "outside data.range [5, 9]" in outside.message

    @pytest.mark.parametrize(("low", "high", "what"), [(0, 2, "nearly black"), (0, 20, "black"), (250, 255, "white")])
    def test_pictures_of_eight_bits_that_are_nearly_black_or_white(
        self, low: int, high: int, what: str, tmp_path: Path
    ) -> None:
        def save(path: Path) -> None:
            Image.fromarray(RNG.integers(low, high, (3, 4, 3), dtype=np.uint8)).save(path)

        write(tmp_path, 2, save, plain_mask())
        finding = found(diagnose(tmp_path), "poor-range")
        assert finding is not None and what in finding.message

    def test_a_range_that_ends_before_it_begins_is_refused(self) -> None:
        for wrong in ((5.0, 5.0), (9.0, 1.0)):
            with pytest.raises(UserError, match=r"data\.range is .* must be the lower and the higher number"):
                DataSettings(root="x", range=wrong)


def palette_mask(palettes: list[list[int]]) -> Callable[[Path, int], None]:
    """Masks whose palettes change from file to file: each gives the classes in the order of its indices."""

    def save(path: Path, index: int) -> None:
        order = palettes[index % len(palettes)]
        image = Image.fromarray(np.argsort(order).astype(np.uint8)[MASK])
        image.putpalette([value for name in order for value in SPACE["colors"][name]])
        image.save(path)

    return save


class TestPalettes:
    @pytest.mark.parametrize(
        "palettes", [[[0, 1, 2], [0, 2, 1]], [[2, 1, 0], [0, 1, 2]], [[0, 1, 2]] * 2 + [[1, 2, 0]]]
    )
    def test_palettes_in_another_order_are_an_error_that_colours_mend(
        self, palettes: list[list[int]], tmp_path: Path
    ) -> None:
        write(tmp_path, 3, random_picture(), palette_mask(palettes))
        finding = found(diagnose(tmp_path), "palette-order")
        assert finding is not None and finding.severity == "error"
        assert "so that their indices are no ids" in finding.message and '"masks": "rgb"' in finding.message
        (tmp_path / "classes.json").write_text(json.dumps(SPACE | {"masks": "rgb"}))
        assert diagnose(tmp_path).ok
        for sample in map(open_dataset(DataSettings(root=str(tmp_path)), "train").__getitem__, range(3)):
            assert sample.objects is not None and sample.objects.tolist() == MASK.tolist()

    def test_palettes_of_one_order_that_is_not_the_classes_are_a_warning(self, tmp_path: Path) -> None:
        write(tmp_path, 2, random_picture(), palette_mask([[1, 0, 2]]))
        finding = found(diagnose(tmp_path), "palette-colors")
        assert finding is not None and finding.severity == "warning" and finding.count == 6
        assert "0 is 'sky', but drawn in #804080, the colour of 'road'" in finding.message

    @pytest.mark.parametrize("palettes", [[[0, 1, 2]], [[0, 1, 2], [0, 1, 2]]])
    def test_equal_palettes_are_well(self, palettes: list[list[int]], tmp_path: Path) -> None:
        write(tmp_path, 2, random_picture(), palette_mask(palettes))
        assert diagnose(tmp_path).findings == ()

    def test_grey_palettes_and_grey_files_beside_coloured_ones_are_well(self, tmp_path: Path) -> None:
        def save(path: Path, index: int) -> None:
            if index == 1:
                image = Image.fromarray(MASK)
                image.putpalette([value for level in range(256) for value in (level, level, level)])
                image.save(path)
            else:
                plain_mask()(path, index) if index else palette_mask([[0, 1, 2]])(path, index)

        write(tmp_path, 3, random_picture(), save)
        assert diagnose(tmp_path).findings == ()


def test_pictures_that_are_translucent_everywhere_are_a_warning(tmp_path: Path) -> None:
    write(tmp_path, 2, random_picture((3, 4, 4)), plain_mask())
    finding = found(diagnose(tmp_path), "translucent")
    assert finding is not None and finding.count == 6 and "near infrared" in finding.message


def test_pictures_of_which_the_first_page_alone_is_read_are_a_warning(tmp_path: Path) -> None:
    def scan(path: Path) -> None:
        pages = [Image.fromarray(RNG.integers(0, 256, (3, 4, 3), dtype=np.uint8)) for _ in range(2)]
        pages[0].save(path.with_suffix(".tif"), save_all=True, append_images=pages[1:])

    write(tmp_path, 1, scan, plain_mask())
    finding = found(diagnose(tmp_path), "further-pages")
    assert finding is not None and finding.severity == "warning" and finding.count == 3


@pytest.mark.parametrize("form", ["gif", "png", "webp"])
def test_pictures_of_which_the_first_frame_alone_is_read_are_a_warning(form: str, tmp_path: Path) -> None:
    def animation(path: Path) -> None:
        frames = [Image.fromarray(RNG.integers(0, 256, (3, 4, 3), dtype=np.uint8)) for _ in range(3)]
        frames[0].save(path.with_suffix(f".{form}"), save_all=True, append_images=frames[1:])

    write(tmp_path, 1, animation, plain_mask())
    finding = found(diagnose(tmp_path), "further-frames")
    assert finding is not None and finding.severity == "warning" and finding.count == 3
    assert "of several frames, of which the first is read" in finding.message


def test_ranges_by_band_are_followed_and_a_wrong_count_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def four(path: Path) -> None:
        values = RNG.integers(0, 4096, (3, 4, 4)).astype(np.uint16)
        path.with_suffix(".tif").write_bytes(tiff_bytes(Tiff(values, photometric=2)))

    write(tmp_path, 1, four, plain_mask())
    words = ["data", "check", str(tmp_path), "--backbone.in_channels", "4", "--data.range"]
    assert main([*words, "[[0,4095],[0,4095],[0,4095],[0,10000]]"]) == 0
    assert "poor-range" not in capsys.readouterr().out
    for wrong in ("[[0,4095],[0,4095]]", "[[0,4095],[4095,0],[0,1],[0,1]]", "[]", "[[0,1,2]]"):
        assert main([*words, wrong]) == 2, wrong
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and "data.range" in said, said


def test_bands_are_checked_as_the_network_takes_them(tmp_path: Path) -> None:
    def six(path: Path) -> None:
        values = RNG.integers(0, 256, (3, 4, 6), dtype=np.uint8)
        path.with_suffix(".tif").write_bytes(tiff_bytes(Tiff(values, planar=True)))

    write(tmp_path, 1, six, plain_mask())
    assert main(["data", "check", str(tmp_path)]) == 2
    assert main(["data", "check", str(tmp_path), "--backbone.in_channels", "6"]) == 0


def test_files_that_are_not_read_are_named(tmp_path: Path) -> None:
    write(tmp_path, 1, random_picture(), plain_mask())
    for name in ("a.dng", "b.jxl", "notes.txt"):
        (tmp_path / "train" / "images" / name).write_bytes(b"")
    finding = found(diagnose(tmp_path), "left-out")
    assert finding is not None and finding.count == 2
    assert finding.examples == ("train/images/a.dng", "train/images/b.jxl")
    assert finding.message.startswith("left out 2 files that sceneparse does not read: train/images/a.dng")


def test_arrays_videos_and_volumes_among_pictures_and_masks_are_named(tmp_path: Path) -> None:
    write(tmp_path, 1, random_picture(), plain_mask())
    for name in ("images/a.mp4", "images/b.nii.gz", "masks/c.npy", "masks/d.mat", "masks/notes.txt"):
        (tmp_path / "train" / name).write_bytes(b"")
    arrays, others = [one for one in diagnose(tmp_path).findings if one.code == "left-out"]
    assert arrays.examples == ("train/masks/c.npy", "train/masks/d.mat") and "masks to PNG" in arrays.message
    assert others.examples == ("train/images/a.mp4", "train/images/b.nii.gz") and "frames" in others.message
