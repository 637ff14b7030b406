"""What a parser takes for one picture and for several: open files and buffers are one, as an (H, W, 3) array is."""

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from sceneparse.errors import UserError
from sceneparse.parsing import Parser

EXPECTED = [[0] * 4 + [1] * 4] * 6


def png(pixels: NDArray[np.uint8]) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


def in_zip(content: bytes) -> IO[bytes]:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.png", content)
    return zipfile.ZipFile(file).open("a.png")


def written(content: bytes) -> IO[bytes]:
    """A file that stands at its end, as whoever has written it leaves it."""
    file = io.BytesIO()
    file.write(content)
    return file


class Pipe(io.RawIOBase):
    """A file that cannot go back."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, _: int = -1) -> bytes:
        content, self._content = self._content, b""
        return content


FORMS: list[Callable[[bytes], Any]] = [bytearray, memoryview, io.BytesIO, in_zip, written, Pipe]


@pytest.mark.parametrize("form", FORMS)
def test_open_files_and_buffers_are_one_picture(
    parser: Parser, halves: NDArray[np.uint8], form: Callable[[bytes], Any]
) -> None:
    content = png(halves)
    assert parser(form(content)).labels.tolist() == EXPECTED
    assert [parse.labels.tolist() for parse in parser([form(content), content])] == [EXPECTED] * 2
    assert (parser.read(form(content)).permute(1, 2, 0).numpy() == halves).all()
    with pytest.raises(UserError, match=r"^pictures is .*, but must be several pictures"):
        parser.many(form(content))


def test_an_open_file_stays_open_and_can_be_parsed_again(
    parser: Parser, halves: NDArray[np.uint8], tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(png(halves))
    with (tmp_path / "a.png").open("rb") as file:
        assert parser(file).labels.tolist() == parser(file).labels.tolist() == EXPECTED
        assert not file.closed


def test_files_may_be_closed_once_the_next_is_asked_for(
    parser: Parser, halves: NDArray[np.uint8], tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(png(halves))

    def files() -> Iterator[IO[bytes]]:
        for _ in range(5):
            with (tmp_path / "a.png").open("rb") as file:
                yield file

    assert [parse.labels.tolist() for parse in parser.many(files())] == [EXPECTED] * 5


def test_a_file_that_cannot_be_read_is_said_when_its_turn_comes(parser: Parser, halves: NDArray[np.uint8]) -> None:
    closed = io.BytesIO(png(halves))
    closed.close()
    parses = parser.many([halves, closed])
    assert next(parses).labels.tolist() == EXPECTED
    with pytest.raises(UserError, match=r"a picture of type BytesIO cannot be read: .*closed file"):
        next(parses)


class Upload:
    """A file of a server whose methods are coroutines."""

    async def read(self) -> bytes:
        return b""


class Video:
    """What reads frames."""

    def read(self) -> tuple[bool, None]:
        return False, None


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (io.StringIO("a"), r"a file that is open as text is no picture: open it as bytes, such as open\(name, 'rb'\)"),
        (Upload(), r"a picture cannot be of type Upload, whose read\(\) has to be awaited: give what it returns"),
        (Video(), r"a picture of type Video cannot be read: its read\(\) gives tuple, not bytes"),
        (io.BytesIO(b"no picture"), "picture of 10 bytes: not a picture"),
    ],
)
def test_other_files_are_refused_in_words(parser: Parser, file: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parser(file)


@pytest.mark.parametrize(
    "one",
    [
        np.zeros((6, 8, 3), np.uint8),
        np.zeros((6, 8), np.uint8),
        torch.zeros(3, 6, 8, dtype=torch.uint8),
        Image.new("RGB", (8, 6)),
        Path("a.png"),
        b"content",
    ],
)
def test_one_picture_is_not_several(parser: Parser, one: Any) -> None:
    with pytest.raises(UserError, match=r"^pictures is .*, but must be several pictures, such as a list of them$"):
        parser.many(one)


def test_a_batch_is_several(parser: Parser, halves: NDArray[np.uint8], tmp_path: Path) -> None:
    batch = np.stack([halves, halves])
    (tmp_path / "a.png").write_bytes(png(halves))
    for several in (batch, torch.from_numpy(batch).permute(0, 3, 1, 2), np.array([str(tmp_path / "a.png")] * 2)):
        assert [parse.labels.tolist() for parse in parser.many(several)] == [EXPECTED] * 2


def test_premultiplied_grey_is_laid_over_white(parser: Parser) -> None:
    assert (parser(Image.new("La", (8, 6), (90, 255))).image == 90).all()
    assert (parser(Image.new("La", (8, 6), (0, 0))).image == 255).all()
