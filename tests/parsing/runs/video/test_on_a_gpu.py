"""Videos on a GPU, for which the CPU stands: frames are labelled together, and beside what is made of those before."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sceneparse.errors import UserError
from sceneparse.inference import later
from sceneparse.labels import LabelSpace
from sceneparse.parsing import Parser
from sceneparse.parsing.runs.video.label_frames import LabelFrames
from sceneparse.parsing.runs.video.labelling import FrameLabels
from tests.support.brightest import POISON, OnGpu
from tests.support.clips import pan
from tests.support.video_runs import record, run

MakeClip = Callable[..., Path]
MakeParser = Callable[..., Parser]


def described(out: Path) -> dict[str, Any]:
    """What is said of a video, but for the time that it took."""
    return {name: value for name, value in record(out).items() if name != "took_seconds"}


@pytest.mark.parametrize(("smooth", "sound"), [(0.0, "aac"), (0.5, None)])
def test_all_is_as_on_a_cpu_but_the_batches(
    make_parser: MakeParser, make_clip: MakeClip, tmp_path: Path, smooth: float, sound: str | None
) -> None:
    frames = [*pan(9), *pan(10, index=3)]  # with a cut
    clip, engine = make_clip(frames=frames, sound=sound), OnGpu()
    found = []
    for name, parser in (("cpu", make_parser()), ("gpu", make_parser(engine=engine))):
        out = tmp_path / name
        assert run(parser, clip, out, smooth=smooth, label_frames=True).done == 1
        found.append((described(out), [path.read_bytes() for path in sorted((out / "clip_labels").iterdir())]))
    assert found[0] == found[1]
    assert found[0][0]["frames"] == 19 and len(found[0][0]["scene_cuts"]) == 1
    assert engine.batches == ([1] * 19 if smooth else [8, 8, 1, 1, 1])


def test_a_run_that_goes_on_asks_for_what_is_missing_alone(
    make_parser: MakeParser, make_clip: MakeClip, out: Path
) -> None:
    clip = make_clip(frames=pan(12))
    run(make_parser(engine=OnGpu()), clip, out, label_frames=True)
    whole = [path.read_bytes() for path in sorted((out / "clip_labels").iterdir())]
    (out / "clip_video.json").unlink()
    for index in (3, 5):
        (out / f"clip_labels/{index:06}.png").unlink()
    engine = OnGpu()
    assert run(make_parser(engine=engine), clip, out, label_frames=True).done == 1
    assert [path.read_bytes() for path in sorted((out / "clip_labels").iterdir())] == whole
    assert engine.batches == [1, 1]


def test_frames_with_labels_of_an_earlier_run_wait_between_others_only_as_far_as_a_batch_has_room(
    make_parser: MakeParser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = pan(40)
    there = LabelFrames(tmp_path / "labels", LabelSpace(("brick", "grass", "water")), {})
    for index in {*range(40)} - {3, 4, 20, 30}:
        there.write(index, np.zeros((48, 64), np.int16))
    monkeypatch.setattr("sceneparse.parsing.batches.MOST", 4)
    # From the first to the last that is missing there are 28.
    for room, batches in ((8, [1] * 4), (27, [1] * 4), (28, [4])):
        monkeypatch.setattr("sceneparse.parsing.batches.PIXELS", room * 48 * 64)
        engine, taken, waiting = OnGpu(), list[int](), list[int]()

        def frames(taken: list[int] = taken) -> Iterator[NDArray[np.uint8]]:
            for number, frame in enumerate(clip):
                taken.append(number)
                yield frame

        labeller = FrameLabels(make_parser(engine=engine), 0.0, there)
        for number, (_, labelled) in enumerate(labeller(frames(), lambda pixels: pixels)):
            assert labelled is not None
            waiting.append(len(taken) - number)
        assert len(waiting) == 40 and engine.batches == batches
        # With one that has no room any more, and one that is begun before another is finished.
        assert max(waiting) <= room + 2


def test_scores_that_are_not_finite_are_refused(make_parser: MakeParser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sceneparse.inference.finite.reads_are_free", lambda _: False)
    frames = [*pan(9), np.full((48, 64, 3), POISON, np.uint8)]
    labeller = FrameLabels(make_parser(engine=OnGpu()), 0.0, None)
    found = labeller(frames, lambda pixels: pixels)
    assert len([*itertools.islice(found, 9)]) == 9
    with pytest.raises(UserError, match="are not finite"):
        next(found)


@pytest.mark.parametrize(("live", "taken"), [(False, 16), (True, 1)])
def test_a_cameras_frame_is_labelled_before_the_next_is_waited_for(
    make_parser: MakeParser, live: bool, taken: int
) -> None:
    frames = iter(pan(30))
    labeller = FrameLabels(make_parser(engine=OnGpu()), 0.0, None, live=live)
    next(labeller(frames, lambda pixels: pixels))
    assert 30 - len([*frames]) == taken == (1 if live else 8 * (1 + later.BEHIND))
