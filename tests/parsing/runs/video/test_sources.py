"""Which inputs are videos."""

from pathlib import Path

import pytest

from sceneparse.errors import UserError
from sceneparse.parsing.runs.video import VideoSource, split_videos


def test_videos_are_told_from_pictures_and_folders_by_their_suffix(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.MOV", "c.jpg"):
        (tmp_path / name).touch()
    (tmp_path / "folder.mp4").mkdir()
    given = [str(tmp_path / name) for name in ("a.mp4", "c.jpg", "b.MOV", "folder.mp4")] + ["more/*.png"]
    videos, rest = split_videos(given)
    assert videos == [VideoSource(given[0], "a"), VideoSource(given[2], "b")]
    assert rest == [given[1], given[3], "more/*.png"]


def test_a_pattern_gives_its_videos_in_order_called_by_their_paths_where_they_share_a_name(tmp_path: Path) -> None:
    for name in ("b/clip.mp4", "a/clip.mp4", "a/x.mkv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    videos, _ = split_videos([str(tmp_path / "**" / "*.mp4"), str(tmp_path / "a" / "x.mkv")])
    assert [(Path(video.address).parent.name, video.name) for video in videos] == [
        ("a", "a/clip"),
        ("b", "b/clip"),
        ("a", "x"),
    ]
    named = [str(tmp_path / folder / "clip.mp4") for folder in ("b", "a")]
    assert [video.name for video in split_videos(named)[0]] == ["clip", "clip-2"], "as a shell expands a pattern"


def test_a_pattern_gives_no_videos_of_the_output_folder(tmp_path: Path) -> None:
    for name in ("a.mp4", "parsed/a_overlay.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    out = tmp_path / "parsed"
    assert [video.name for video in split_videos([str(tmp_path / "**" / "*.mp4")], out)[0]] == ["a"]
    with pytest.raises(UserError, match="no video matches this pattern, but in the output folder"):
        split_videos([str(out / "*.mp4")], out)
    assert [video.name for video in split_videos([str(out / "a_overlay.mp4")], out)[0]] == ["a_overlay"]


def test_folders_and_patterns_give_their_videos_once_called_by_their_paths(tmp_path: Path) -> None:
    for name in ("a.jpg", "clip.mp4", "below/clip.MOV", "below/clip.mkv", "out/old_overlay.mp4", "only/x.webm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "page.ts").write_text("export const Gate = 1;")
    (tmp_path / "tape.ts").write_bytes((b"G" + bytes(187)) * 2)
    (tmp_path / "disc.mts").write_bytes((bytes(4) + b"G" + bytes(187)) * 2)

    def found(*given: str) -> tuple[list[str], list[str]]:
        videos, rest = split_videos([str(tmp_path / one) for one in given], tmp_path / "out", folders=True)
        return [video.name for video in videos], [Path(one).name for one in rest]

    below = ["below/clip.MOV", "below/clip.mkv", "only/x"]
    assert found("") == (["clip", "disc", "tape", *below], [tmp_path.name])
    assert found("only", "*") == (["x", "clip", "disc", "tape"], ["*"])
    assert found("below", "below/clip.mkv") == (["clip.MOV", "clip"], [])
    assert found("out") == ([], ["out"])
    assert split_videos([str(tmp_path)]) == ([], [str(tmp_path)])


@pytest.mark.parametrize(
    ("given", "address", "form"),
    [
        ("/dev/video0", "/dev/video0", "v4l2"),
        ("avfoundation:0", "0", "avfoundation"),
        ("lavfi:testsrc=duration=1", "testsrc=duration=1", "lavfi"),
        ("rtsp://user:secret@cam.local/live", "rtsp://user:secret@cam.local/live", None),
    ],
)
def test_cameras_and_streams_are_live(given: str, address: str, form: str | None) -> None:
    (video,), rest = split_videos([given])
    assert (video.address, video.format, video.live, rest) == (address, form, True, [])
    assert "secret" not in video.name and "/" not in video.name
    assert video.shown == address.replace("user:secret@", "")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["nowhere.mp4"], "nowhere.mp4: no such video"),
        (["nowhere/*.mp4"], "no video matches this pattern"),
        (["/dev/video0", "clip.jpg"], "must be the only input"),
    ],
)
def test_what_is_no_video_is_said(given: list[str], words: str) -> None:
    with pytest.raises(UserError, match=words.replace("*", r"\*")):
        split_videos(given)
