"""Frames are shown as players show them: the right stream, turned, mirrored, in the colours of an ordinary screen."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

av = pytest.importorskip("av")

from sceneparse.errors import UserError  # noqa: E402
from sceneparse.parsing.runs.video.reading import Frame, VideoReader  # noqa: E402
from sceneparse.parsing.runs.video.sources import VideoSource  # noqa: E402
from sceneparse.parsing.runs.video.tone import HLG, PQ, to_sdr  # noqa: E402
from tests.support.clips import pan, read_clip, scene  # noqa: E402

ONE = 1 << 16


def frames_of(path: Path) -> list[NDArray[np.uint8]]:
    with VideoReader(VideoSource(str(path), "clip")) as reader:
        return [item.pixels for item in reader if isinstance(item, Frame)]


def shown(pixels: NDArray[np.uint8], matrix: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """Each pixel (x, y) at (a x + c y, b x + d y), shifted to begin at 0."""
    a, b, c, d = matrix
    height, width = pixels.shape[:2]
    y, x = np.mgrid[:height, :width]
    right, down = a * x + c * y, b * x + d * y
    right, down = right - right.min(), down - down.min()
    result = np.zeros((down.max() + 1, right.max() + 1, 3), np.uint8)
    result[down, right] = pixels
    return result


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mov"])
@pytest.mark.parametrize(
    "matrix",
    [
        *((1, 0, 0, 1), (-1, 0, 0, 1), (1, 0, 0, -1), (-1, 0, 0, -1)),
        *((0, 1, 1, 0), (0, 1, -1, 0), (0, -1, 1, 0), (0, -1, -1, 0)),
    ],
)
def test_every_display_matrix_is_followed(name: str, matrix: tuple[int, int, int, int], tmp_path: Path) -> None:
    path = tmp_path / name
    a, b, c, d = matrix
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=25, options={"crf": "1"})
        video.height, video.width, video.pix_fmt = 48, 64, "yuv444p"
        video.set_display_matrix([a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30])
        for pixels in pan(2):
            container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(video.encode(None))
    stored = read_clip(path)[0]
    found = frames_of(path)
    assert len(found) == 2
    for one, expected in zip(found, stored, strict=True):
        assert np.array_equal(one, shown(expected, matrix)) and one.flags.c_contiguous


def with_cover(path: Path, *, first: bool) -> Path:
    """A clip of four frames with a cover picture in a stream of its own."""
    with av.open(str(path), "w") as container:

        def cover() -> Any:
            stream: Any = container.add_stream("mjpeg")
            stream.height, stream.width, stream.pix_fmt = 96, 96, "yuvj420p"
            stream.disposition = av.stream.Disposition.attached_pic
            return stream

        streams = [cover()] if first else []
        video: Any = container.add_stream("libx264", rate=25)
        video.height, video.width, video.pix_fmt = 48, 64, "yuv420p"
        still = streams[0] if streams else cover()
        picture = av.VideoFrame.from_ndarray(scene(1, 96), "rgb24").reformat(format="yuvj420p")
        picture.pts, picture.time_base = 0, Fraction(1, 25)
        container.mux(still.encode(picture) + still.encode(None))
        for pixels in pan(4):
            container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(video.encode(None))
    return path


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mov"])
def test_a_cover_picture_is_not_the_video(name: str, first: bool, tmp_path: Path) -> None:
    found = frames_of(with_cover(tmp_path / name, first=first))
    assert [one.shape for one in found] == [(48, 64, 3)] * 4


def test_of_several_streams_the_one_that_players_show_is_parsed(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        streams = []
        for size in ((32, 32), (64, 96), (48, 64)):
            video: Any = container.add_stream("libx264", rate=25)
            video.height, video.width, video.pix_fmt = *size, "yuv420p"
            video.disposition = av.stream.Disposition.dub
            streams.append((video, size))
        for video, size in streams:
            for pixels in pan(2, size):
                container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
            container.mux(video.encode(None))
    assert frames_of(path)[0].shape == (64, 96, 3)


def high(path: Path, signal: NDArray[np.float64], transfer: int) -> Path:
    """A video of R'G'B' of BT.2020 (H, W, 3), 0 to 1, as 16-bit Y'CbCr of limited range, without loss."""
    red, green, blue = np.moveaxis(signal, -1, 0)
    luma = 0.2627 * red + 0.6780 * green + 0.0593 * blue
    planes = [219 * luma + 16, 224 * (blue - luma) / 1.8814 + 128, 224 * (red - luma) / 1.4746 + 128]
    stored = np.rint(np.stack(planes) * 4).astype(np.uint16)
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("ffv1", rate=25)
        video.height, video.width, video.pix_fmt = *signal.shape[:2], "yuv444p10le"
        context = video.codec_context
        context.color_trc, context.color_primaries, context.colorspace, context.color_range = transfer, 9, 9, 1
        frame = av.VideoFrame(signal.shape[1], signal.shape[0], "yuv444p10le")
        for plane, values in zip(frame.planes, stored, strict=True):
            rows = np.zeros((plane.height, plane.line_size // 2), np.uint16)
            rows[:, : values.shape[1]] = values
            plane.update(rows.tobytes())
        frame.color_trc, frame.color_primaries, frame.colorspace, frame.color_range = transfer, 9, 9, 1
        container.mux(video.encode(frame) + video.encode(None))
    return path


PAPER = {PQ: 0.58069, HLG: 0.75}
"""The signals of white paper, 203 cd/m²."""


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_high_dynamic_range_looks_as_on_an_ordinary_screen(transfer: int, tmp_path: Path) -> None:
    grey = np.ones(3)
    patches = np.stack([0 * grey, PAPER[transfer] * grey, grey * (0.7518 if transfer == PQ else 1), grey * 0.4])
    signal = np.repeat(np.repeat(patches[None], 16, 0), 16, 1)
    path = high(tmp_path / "clip.mkv", signal, transfer)
    with VideoReader(VideoSource(str(path), "clip")) as reader:
        frame = next(item for item in reader if isinstance(item, Frame))
        assert reader.high_range == {PQ: "PQ", HLG: "HLG"}[transfer]
    black, paper, peak, dim = frame.pixels[8, 8::16].astype(int)
    assert (black <= 1).all() and (peak >= 253).all()
    assert (np.abs(paper - 228) <= 2).all(), "white paper is nearly white: what is brighter keeps some room"
    # What is dark stays as bright as it was: 0.4 of PQ is 32.4 cd/m², of HLG 22.0.
    light = {PQ: 32.4, HLG: 0.4**2 / 3 * 1000 * (0.4**2 / 3) ** 0.2}[transfer] / 203
    assert (np.abs(dim - 255 * (1.055 * light ** (1 / 2.4) - 0.055)) <= 2).all()


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_colours_go_from_bt2020_to_srgb(transfer: int) -> None:
    colors = np.full((1, 1, 3), 0.3) * np.array([1.3, 1.0, 0.6])
    shown = to_sdr(np.rint(colors * 65535).astype(np.uint16), transfer)[0, 0].astype(int)
    assert shown[0] > shown[1] > shown[2]
    grey = to_sdr(np.full((1, 1, 3), 20000, np.uint16), transfer)[0, 0].astype(int)
    assert np.ptp(grey) <= 1, "grey stays grey"


def test_a_file_with_nothing_but_a_cover_picture_is_refused(tmp_path: Path) -> None:
    path = with_cover(tmp_path / "song.mp4", first=True)
    with av.open(str(path)) as container:
        picture = next(one for one in container.streams.video if one.disposition & av.stream.Disposition.attached_pic)
        cover = bytes(next(container.demux(picture)))
    song = tmp_path / "song.mkv"
    with av.open(str(song), "w") as container:
        sound: Any = container.add_stream("flac", rate=16000)
        sound.layout = "mono"
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.int16), "s16", "mono")
        samples.sample_rate, samples.pts = 16000, 0
        container.add_attachment("cover.jpg", "image/jpeg", cover)
        container.mux(sound.encode(samples) + sound.encode(None))
    with pytest.raises(UserError, match=r"song\.mkv: holds no video stream but a cover picture"):
        frames_of(song)
