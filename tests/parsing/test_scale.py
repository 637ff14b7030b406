"""Pictures of other sizes than a model learnt from, from file to parse."""

import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse.arguments import on_command_line
from sceneparse.inference import TestProtocol
from sceneparse.inference.scale import doubt_of
from sceneparse.labels import LabelSpace
from sceneparse.parsing import Parser, predict_pictures
from sceneparse.settings import LearntSizes, ProtocolSettings
from tests.support.brightest import brightest_parser

LEARNT = LearntSizes(short=60, largest=60, seen=(40, 100))
SPACE = LabelSpace(("red", "green", "blue"), ((255, 0, 0), (0, 255, 0), (0, 0, 255)))


def parser(sizes: LearntSizes = LEARNT, protocol: ProtocolSettings | None = None) -> Parser:
    return brightest_parser(labels=SPACE, sizes=sizes, protocol=protocol)


def picture(width: int, height: int) -> Image.Image:
    """Three upright stripes, of which the first is half of the picture."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2, 0] = pixels[:, width // 2 : 3 * width // 4, 1] = pixels[:, 3 * width // 4 :, 2] = 220
    return Image.fromarray(pixels)


def jpeg(image: Image.Image, **options: object) -> bytes:
    content = BytesIO()
    image.save(content, "JPEG", quality=95, **options)
    return content.getvalue()


@pytest.mark.parametrize("factor", [1, 4, 16])
def test_the_same_photo_has_the_same_shares_at_any_size(factor: int) -> None:
    found = parser().parse(parser().read(picture(80 * factor, 60 * factor)))
    assert found.size == (60 * factor, 80 * factor)
    assert found.tested_size == (60, 80)
    shares = {entry.name: entry.share for entry in found.legend}
    assert shares == pytest.approx({"red": 0.5, "green": 0.25, "blue": 0.25}, abs=0.01)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_jpeg_is_decoded_with_no_more_pixels_than_the_network_needs(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = jpeg(picture(1280, 960), exif=exif)
    image, size = parser().open(content, shown=False)[:2]
    turned = orientation in (6, 8)
    assert size == ((1280, 960) if turned else (960, 1280))
    assert image.shape[-2:] == ((160, 120) if turned else (120, 160))  # twice what is tested
    whole, reduced = parser().parse(parser().read(content)), parser().parse(image, size)
    assert reduced.size == whole.size
    assert (reduced.labels != whole.labels).mean() < 0.002
    assert reduced.image.shape == whole.image.shape
    assert np.abs(reduced.image.astype(int) - whole.image).mean() < 6


@pytest.mark.parametrize(
    ("content", "protocol"),
    [
        (jpeg(picture(100, 80)), None),  # at most 5/3 of what is tested
        (jpeg(picture(1280, 960)), ProtocolSettings(size="own")),
        (jpeg(picture(1280, 960)), ProtocolSettings(crf=True)),  # which looks at all pixels
        (jpeg(picture(1280, 960)), ProtocolSettings(scales=(1.0, 8.0))),
    ],
)
def test_all_pixels_are_decoded_where_all_are_needed(content: bytes, protocol: ProtocolSettings | None) -> None:
    image, size = parser(protocol=protocol).open(content, shown=False)[:2]
    assert image.shape[-2:] == size


def test_other_formats_are_read_whole(tmp_path: Path) -> None:
    picture(640, 480).save(tmp_path / "a.png")
    image, size = parser().open(tmp_path / "a.png", shown=False)[:2]
    assert (image.shape[-2:], size) == ((480, 640), (480, 640))


@pytest.mark.parametrize("orientation", [1, 6])
def test_of_a_fixed_height_and_width_each_has_the_pixels_that_it_takes(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = jpeg(picture(1600, 1200), exif=exif)
    wide = parser(protocol=ProtocolSettings(size=(200, 1200)))
    read = wide.open(content, shown=False)
    assert read.image.shape[-2:] == read.size  # at a half its width would have to be enlarged
    small = parser(protocol=ProtocolSettings(size=(100, 300)))
    assert max(small.open(content, shown=False).image.shape) == 800


def noise(path: Path) -> Path:
    """A JPEG of which each way of decoding gives other pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
    image = Image.fromarray(pixels).resize((1280, 960), Image.Resampling.BICUBIC)
    path.write_bytes(jpeg(image))
    return path


@pytest.mark.filterwarnings("ignore:.*are parsed at short side")
def test_labels_are_the_same_whatever_else_is_asked_for(tmp_path: Path) -> None:
    path = noise(tmp_path / "a.jpg")
    whole = parser().parse(parser().read(path)).labels
    expected = parser().parse_read(parser().open(path, shown=False)).labels
    assert (whole != expected).any()  # or it would not matter how it is decoded
    shown = parser()(path)
    assert np.array_equal(shown.labels, expected)
    assert np.array_equal(shown.image, parser().read(path).permute(1, 2, 0).numpy())  # all pixels are shown
    assert np.array_equal(shown.probabilities(1).classes[0], expected)
    assert np.array_equal(next(parser().many([path.read_bytes()])).labels, expected)
    for name, write in (("labels", ["labels"]), ("overlay", ["labels", "overlay"])):
        predict_pictures(parser(), [path], tmp_path / name, write=write, progress=False)
        assert np.array_equal(np.asarray(Image.open(tmp_path / name / "a.png")), expected)


def test_a_picture_far_from_what_was_learnt_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        picture(32, 24).save(tmp_path / f"{number}.png")
    picture(80, 60).save(tmp_path / "right.png")
    predict_pictures(parser(), [tmp_path], tmp_path / "out", progress=False)
    said = capsys.readouterr().err
    assert said.count("warning: ") == 1
    assert "32×24 pixels are parsed as they are, but the model learnt from short sides of 40 to 100" in said
    assert "or parse with protocol={'size': 60} (of further pictures" in said
    assert '"doubt"' in (tmp_path / "out" / "2.json").read_text(encoding="utf-8")
    assert '"doubt"' not in (tmp_path / "out" / "right.json").read_text(encoding="utf-8")


def test_python_warns_once_too() -> None:
    known = parser()
    with pytest.warns(UserWarning, match="32×24 pixels"):
        known(picture(32, 24))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        known(picture(32, 24))
        parser(LearntSizes())(picture(32, 24))  # a model that knows nothing doubts nothing


@pytest.mark.parametrize(
    ("protocol", "size", "words"),
    [
        (ProtocolSettings(size="own"), (600, 800), "800×600 pixels are parsed as they are, but"),
        (ProtocolSettings("window", window=(64, 64)), (600, 800), "800×600 pixels are parsed as they are, but"),
        (ProtocolSettings(size=400), (600, 800), "are parsed at short side 400, but"),
        (ProtocolSettings(), (600, 800), "are parsed at short side 60, as the model learnt: things of"),
        (ProtocolSettings(), (200, 300), None),
        (ProtocolSettings(), (60, 3000), None),
        (ProtocolSettings(size=90), (24, 32), None),
        (ProtocolSettings(size=110), (600, 800), "are parsed at short side 110, but"),
        (ProtocolSettings(size=30), (60, 80), "are parsed at short side 30, but"),
        (ProtocolSettings(), (45, 60), None),
        (ProtocolSettings(size=80), (600, 800), "are parsed at short side 80: things of less than some 32 pixels are"),
        (ProtocolSettings(resize="long", size=30), (60, 120), "or parse with protocol={'size': 120}"),
        (ProtocolSettings(size=(20, 30)), (60, 120), "most of about 60: expect a worse answer"),
    ],
)
def test_doubts_name_both_sizes(protocol: ProtocolSettings, size: tuple[int, int], words: str | None) -> None:
    tested: TestProtocol = parser(protocol=protocol).protocol
    found = doubt_of(tested, LEARNT, size)
    assert (words is None) == (found is None)
    assert words is None or words in str(found)
    assert ("things of" in (words or "")) == ("things of" in str(found))
    assert words is None or ("short sides of 40 to 100" in str(found)) == ("things of" not in words)


def test_whoever_follows_one_advice_is_not_sent_back_by_the_next() -> None:
    large = (600, 800)
    reduced = str(doubt_of(parser().protocol, LEARNT, large))
    assert reduced.endswith("things of less than some 40 pixels are lost")  # at their own size it has seen nothing
    as_it_is = str(doubt_of(parser(protocol=ProtocolSettings(size="own")).protocol, LEARNT, large))
    assert as_it_is.endswith("answer unless these were pieces of such pictures, or parse with protocol={'size': 60}")
    beyond = str(doubt_of(parser(protocol=ProtocolSettings(size=110)).protocol, LEARNT, large))
    assert beyond.endswith(
        "learnt from short sides of 40 to 100, most of about 60: expect a worse answer, or parse with "
        "protocol={'size': 60}"
    )
    chosen = str(doubt_of(parser(protocol=ProtocolSettings(size=60)).protocol, LEARNT, large))
    assert chosen.endswith("are parsed at short side 60: things of less than some 40 pixels are lost")


def test_doubts_name_the_size_as_who_is_asked_gives_it() -> None:
    far, reduced = (32, 24), (800, 600)
    fitting = parser().protocol
    assert str(doubt_of(fitting, LEARNT, far)).endswith("expect a worse answer, or parse with protocol={'size': 60}")
    wide = LearntSizes(short=60, largest=60, seen=(40, 700))
    assert str(doubt_of(fitting, wide, reduced)).endswith(
        "; protocol={'size': 'own'} keeps them, at a size that it learnt from, too"
    )
    assert doubt_of(parser(wide, ProtocolSettings(size="own")).protocol, wide, reduced) is None
    alike = LearntSizes(short=60, largest=60, seen=(60, 60))
    assert ", but the model learnt from short sides of 60: expect a worse answer" in str(doubt_of(fitting, alike, far))
    with on_command_line():
        assert str(doubt_of(fitting, LEARNT, far)).endswith("expect a worse answer, or parse with --size 60")
        assert "; --size own keeps them, at a size" in str(doubt_of(fitting, wide, reduced))
