"""The parser: pictures in every form, one model, one protocol."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from sceneparse.errors import UserError
from sceneparse.inference import resolve
from sceneparse.labels import LabelSpace
from sceneparse.parsing import Parser, load
from sceneparse.parsing.ahead import ahead
from sceneparse.settings import BackboneSettings, DataSettings, NetworkSettings, PreprocessingSettings, ProtocolSettings
from sceneparse.weights.build import build
from sceneparse.weights.config import ModelConfig
from sceneparse.weights.model import Model, load_model, save_model
from tests.support.tiffs import Tiff, tiff_bytes

EXPECTED = [[0] * 4 + [1] * 4] * 6


def png(pixels: NDArray[np.uint8]) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


FORMS: list[Callable[[NDArray[np.uint8]], Any]] = [
    png,
    Image.fromarray,
    lambda pixels: Image.fromarray(pixels).convert("RGBA"),
    lambda pixels: Image.fromarray(pixels).quantize(),
    lambda pixels: pixels,
    np.asfortranarray,
    lambda pixels: pixels[::-1],
    lambda pixels: np.concatenate([pixels, np.full((6, 8, 1), 255, np.uint8)], axis=2),
    lambda pixels: torch.from_numpy(pixels).permute(2, 0, 1),
]


class TestForms:
    def test_files_are_read_by_path_or_name(self, parser: Parser, halves: NDArray[np.uint8], tmp_path: Path) -> None:
        (tmp_path / "p.png").write_bytes(png(halves))
        for name in (tmp_path / "p.png", str(tmp_path / "p.png")):
            assert parser(name).labels.tolist() == EXPECTED

    @pytest.mark.parametrize("form", FORMS)
    def test_every_form_gives_the_same_parse(
        self, parser: Parser, halves: NDArray[np.uint8], form: Callable[[NDArray[np.uint8]], Any]
    ) -> None:
        parse = parser(form(halves))
        assert parse.labels.dtype == np.int16 and parse.labels.tolist() == EXPECTED
        assert parse.image.dtype == np.uint8 and (parse.image == halves).all()
        assert parse.confidence.dtype == np.float32 and parse.confidence.shape == (6, 8)
        assert (parse.confidence > 0.9).all() and (parse.confidence <= 1).all()
        assert parse.space is parser.labels and parse.model == "brightest" and parse.protocol == parser.protocol

    @pytest.mark.parametrize("shape", [(6, 8), (6, 8, 1)])
    def test_grey_arrays_are_taken_as_grey(self, parser: Parser, shape: tuple[int, ...]) -> None:
        parse = parser(np.full(shape, 90, np.uint8))
        assert parse.image.shape == (6, 8, 3) and (parse.image == 90).all()

    def test_grey_tensors_are_taken_as_grey(self, parser: Parser) -> None:
        assert (parser(torch.full((1, 6, 8), 90, dtype=torch.uint8)).image == 90).all()

    def test_16_bit_images_are_scaled(self, parser: Parser) -> None:
        assert (parser(Image.fromarray(np.full((6, 8), 257 * 90, np.uint16))).image == 90).all()

    def test_32_bit_images_are_those_of_16_bits_that_they_hold(self, parser: Parser, tmp_path: Path) -> None:
        numbers = np.full((6, 8), 257 * 90, np.int32)
        assert (parser(Image.fromarray(numbers)).image == 90).all()
        (tmp_path / "a.pgm").write_bytes(b"P5 2 1 1000\n" + np.array([500, 1000], ">u2").tobytes())
        with Image.open(tmp_path / "a.pgm") as image:  # which Pillow opens as 32-bit integers
            assert parser(image).image[0, :, 0].tolist() == [128, 255]

    @pytest.mark.parametrize("number", [-1, 65_536])
    def test_32_bit_images_beyond_16_bits_need_a_range(self, parser: Parser, number: int) -> None:
        image = Image.fromarray(np.array([[0, number]], np.int32))
        with pytest.raises(UserError, match=r"32-bit integer pixels have no fixed range.*with_ranges"):
            parser(image)
        read = parser.with_ranges([(-1, 65_536)]).read(image)
        assert read[0, 0, 1] == (0 if number < 0 else 255)

    def test_exif_orientation_is_applied_to_files_and_pil_images(
        self, parser: Parser, halves: NDArray[np.uint8], tmp_path: Path
    ) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6  # turn a quarter clockwise to look right
        Image.fromarray(halves).save(tmp_path / "turned.png", exif=exif)
        expected = np.rot90(np.array(EXPECTED), -1).tolist()
        assert parser(tmp_path / "turned.png").labels.tolist() == expected
        with Image.open(tmp_path / "turned.png") as image:
            assert parser(image).labels.tolist() == expected

    def test_a_parse_keeps_its_pixels_when_the_caller_reuses_the_buffer(
        self, parser: Parser, halves: NDArray[np.uint8]
    ) -> None:
        frame = halves.copy()
        tensor = torch.from_numpy(halves.copy()).permute(2, 0, 1)
        parses = [parser(frame), parser(tensor)]
        frame[:] = 0
        tensor[:] = 0
        assert all((parse.image == halves).all() for parse in parses)

    def test_a_grey_model_takes_color_as_grey(self, make_parser: Callable[..., Parser]) -> None:
        parser = make_parser(channels=1)
        for picture in (np.full((6, 8, 3), 90, np.uint8), np.full((6, 8), 90, np.uint8)):
            parse = parser(picture)
            assert parse.image.shape == (6, 8, 3) and (parse.image == 90).all()

    def test_a_model_of_many_channels_takes_that_many(self, make_parser: Callable[..., Parser]) -> None:
        parser = make_parser(channels=5)
        parser.engine = lambda images: images[:, :3].float()  # type: ignore[assignment]
        parser.engine.num_classes, parser.engine.align_corners = 3, False
        pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 5), dtype=np.uint8)
        assert (parser(pixels).image == pixels[..., :3]).all()
        with pytest.raises(UserError, match=r"\(H, W, 5\)"):
            parser(pixels[..., :3])

    @pytest.mark.parametrize(
        ("picture", "message"),
        [
            (np.zeros((6, 8, 3)), r"array of float64 .*uint8 array of shape \(H, W, 3\) or \(H, W\).*array \* 255"),
            (np.zeros((6, 8, 3), np.int32), "array of int32"),
            (np.zeros((3, 6, 8), np.uint8), r"array of shape \(3, 6, 8\)"),
            (np.zeros((0, 8, 3), np.uint8), r"array of shape \(0, 8, 3\)"),
            (np.zeros(5, np.uint8), r"array of shape \(5,\)"),
            (torch.zeros(3, 6, 8), r"tensor of float32 .*shape \(3, H, W\).*tensor \* 255"),
            (torch.zeros(6, 8, 3, dtype=torch.uint8), r"tensor of shape \(6, 8, 3\)"),
            (torch.zeros(1, 3, 6, 8, dtype=torch.uint8), r"tensor of shape \(1, 3, 6, 8\)"),
            (Image.new("F", (8, 6)), "mode F"),
            (Image.new("RGB", (0, 6)), "nothing to parse"),
            (b"no picture", "not a picture"),
            ("nowhere.png", "nowhere.png: no such file"),
            (7, "cannot be of type int"),
        ],
    )
    def test_what_is_no_picture_is_refused_with_what_would_be_one(
        self, parser: Parser, picture: Any, message: str
    ) -> None:
        with pytest.raises(UserError, match=message) as caught:
            parser(picture)
        assert "\n" not in str(caught.value)

    def test_a_pil_image_that_was_cut_off_is_refused(self, parser: Parser) -> None:
        content = png(np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8))
        with pytest.raises(UserError, match="damaged or cut off"):
            parser(Image.open(io.BytesIO(content[: len(content) // 2])))


class TestProtocols:
    def test_the_models_own_is_the_default(self, parser: Parser) -> None:
        assert parser.protocol == resolve(parser.config.protocol)

    def test_another_can_be_chosen_and_the_engine_is_shared(self, parser: Parser, halves: NDArray[np.uint8]) -> None:
        flipped = parser.with_protocol(ProtocolSettings(flip=True))
        assert flipped.engine is parser.engine and flipped.config is parser.config
        assert flipped(halves).protocol.flip and not parser(halves).protocol.flip
        assert flipped(halves).labels.tolist() == EXPECTED

    def test_one_that_does_not_hold_together_is_refused(self, make_parser: Callable[..., Parser]) -> None:
        with pytest.raises(UserError, match="window"):
            make_parser(protocol=ProtocolSettings(name="window"))


class TestMany:
    def test_parses_come_in_order(self, parser: Parser, halves: NDArray[np.uint8]) -> None:
        shifted = [np.roll(halves, index, axis=1) for index in range(5)]
        parses = list(parser.many(shifted))
        assert [parse.image.tolist() for parse in parses] == [pixels.tolist() for pixels in shifted]

    def test_it_takes_no_more_than_it_needs_from_an_endless_source(
        self, parser: Parser, halves: NDArray[np.uint8]
    ) -> None:
        taken = []

        def endless() -> Iterator[NDArray[np.uint8]]:
            while True:
                taken.append(1)
                yield halves

        parses = parser.many(endless())
        for _ in range(10):
            next(parses)
        assert len(taken) <= 13
        parses.close()  # type: ignore[attr-defined]

    def test_a_bad_picture_raises_when_its_turn_comes(self, parser: Parser, halves: NDArray[np.uint8]) -> None:
        parses = parser.many([halves, "nowhere.png", halves])
        assert next(parses).labels.tolist() == EXPECTED
        with pytest.raises(UserError, match=r"nowhere\.png"):
            next(parses)

    def test_what_the_source_raises_comes_after_the_pictures_before_it(
        self, parser: Parser, halves: NDArray[np.uint8]
    ) -> None:
        def unplugged() -> Iterator[NDArray[np.uint8]]:
            yield from [halves] * 2
            raise OSError("no camera")

        parses = parser.many(unplugged())
        assert [next(parses).labels.tolist() for _ in range(2)] == [EXPECTED] * 2
        with pytest.raises(OSError, match="no camera"):
            next(parses)


def test_work_ahead_keeps_the_order_and_its_bound() -> None:
    taken = []

    def source() -> Iterator[int]:
        for index in range(50):
            taken.append(index)
            yield index

    results = []
    for future in ahead(lambda index: index * index, source(), threads=3, limit=4):
        results.append(future.result())
        assert len(taken) <= len(results) + 4
    assert results == [index * index for index in range(50)]


class TestFingerprint:
    def test_the_protocol_is_no_part_of_it(self, parser: Parser) -> None:
        assert parser.with_protocol(ProtocolSettings(flip=True)).fingerprint == parser.fingerprint


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real, tiny model folder."""
    torch.manual_seed(0)
    config = ModelConfig(
        "tiny",
        BackboneSettings(name="resnet10t", padding="symmetric"),
        NetworkSettings(architecture="fcn", channels=8, aux=False),
        PreprocessingSettings(),
        ProtocolSettings(flip=True),
        DataSettings(kind="toyworld"),
    )
    labels = LabelSpace(("a", "b", "c", "d"))
    folder = tmp_path_factory.mktemp("models") / "tiny"
    network = build(config.backbone, config.network, len(labels)).eval()
    save_model(folder, Model(network, config, labels), "# tiny\n")
    return folder


class TestModelFolder:
    def test_a_model_reads_pictures_in_the_range_that_it_was_trained_in(
        self, folder: Path, halves: NDArray[np.uint8], tmp_path: Path
    ) -> None:
        trained = load_model(folder)
        data = DataSettings(root="photos", range=(100, 4180))
        save_model(tmp_path / "m", replace(trained, config=replace(trained.config, data=data)), "# tiny\n")
        parser = load(tmp_path / "m", engine="torch", device="cpu", precision="float32")
        deep = tiff_bytes(Tiff(halves.astype(np.uint16) * 16 + 100, 2, planar=True))
        (tmp_path / "a.tif").write_bytes(deep)
        for picture in (deep, tmp_path / "a.tif", png(halves)):
            assert (parser.read(picture).permute(1, 2, 0).numpy() == halves).all()
        grey = halves[..., 0].astype(np.uint16) * 16 + 100
        for image in (Image.fromarray(grey), tiff_bytes(Tiff(grey.astype(np.float32)))):
            assert (parser.read(image)[0].numpy() == halves[..., 0]).all()
        with pytest.raises(UserError, match=r"floating-point pixels .*data\.range"):
            load(folder, engine="torch", device="cpu").read(tiff_bytes(Tiff(grey.astype(np.float32))))

    def test_it_is_loaded_with_its_protocol_and_parses(self, folder: Path, halves: NDArray[np.uint8]) -> None:
        parser = load(folder, engine="torch", device="cpu", precision="float32")
        assert parser.name == "tiny" and parser.labels.names == ("a", "b", "c", "d")
        assert parser.protocol.flip
        parse = parser(halves)
        assert parse.labels.shape == (6, 8) and set(np.unique(parse.labels)) <= {0, 1, 2, 3}
        assert load(str(folder), engine="torch", protocol=ProtocolSettings()).protocol.flip is False

    def test_two_loads_have_one_fingerprint(self, folder: Path) -> None:
        assert load(folder, engine="torch").fingerprint == load(str(folder), engine="torch").fingerprint

    def test_no_such_model_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="no model folder"):
            load(tmp_path / "none")

    def test_it_goes_to_the_hub_from_its_folder(
        self, folder: Path, parser: Parser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls: list[Any] = []

        def push(*arguments: Any, **options: Any) -> str:
            calls.append((arguments, options))
            return "https://hub/me/tiny"

        monkeypatch.setattr("sceneparse.parsing.parser.push_to_hub", push)
        assert load(folder, engine="torch").push_to_hub("me/tiny", private=True, token="t") == "https://hub/me/tiny"
        assert calls == [((folder, "me/tiny"), {"private": True, "token": "t"})]
        with pytest.raises(UserError, match="does not come from a model folder"):
            parser.push_to_hub("me/tiny")


def test_scores_that_are_not_finite_are_the_models_fault_in_that_precision(folder: Path) -> None:
    parser = load(folder, engine="torch", precision="float32")
    weights = next(one for one in reversed(list(parser.engine.network.parameters())) if one.dim() == 1)  # type: ignore[attr-defined]
    weights.data.fill_(float("nan"))
    with pytest.raises(UserError, match=r"^the scores of model '.*' are not finite in float32: its weights"):
        parser(np.zeros((40, 40, 3), np.uint8))
