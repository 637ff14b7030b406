"""Shares over time, flicker, cuts."""

import numpy as np
import pytest

from sceneparse.labels import LabelSpace
from sceneparse.parsing.runs.video.timeline import MOST_SPANS, Flicker, SceneCuts, Timeline, clock
from tests.support.clips import pan, scene

SPACE = LabelSpace(("sky", "road", "car"), colors=((80, 130, 220), (90, 90, 90), (220, 40, 40)))


def filled(*labels: int) -> np.ndarray:
    return np.array(labels, np.int16).reshape(1, -1)


class TestFlicker:
    def test_it_is_the_share_of_pixels_that_change(self) -> None:
        flicker = Flicker()
        assert flicker.add(filled(0, 0, 1, 1), cut=False) == (0, 0) and flicker.share is None
        assert flicker.add(filled(0, 2, 1, 1), cut=False) == (1, 4)
        assert flicker.add(filled(0, 0, 0, 0), cut=False) == (3, 4)
        assert flicker.share == 0.5

    def test_a_cut_is_no_flicker(self) -> None:
        flicker = Flicker()
        for labels, cut in ((filled(0, 0), False), (filled(1, 1), True), (filled(1, 1), False)):
            flicker.add(labels, cut=cut)
        assert flicker.share == 0


class TestCuts:
    def test_another_scene_is_a_cut_and_a_moving_camera_is_none(self) -> None:
        is_cut = SceneCuts()
        frames = [*pan(6, index=0), *pan(6, index=8), *pan(6, index=3)]
        assert [number for number, frame in enumerate(frames) if is_cut(frame)] == [6, 12]

    def test_noise_and_flashes_of_light_are_none(self) -> None:
        is_cut, generator = SceneCuts(), np.random.default_rng(0)
        for light in (1.0, 0.98, 1.02, 1.0):
            noisy = scene(0) * light + generator.normal(0, 3, (96, 96, 3))
            assert not is_cut(noisy.clip(0, 255).astype(np.uint8))


class TestTimeline:
    def test_shares_are_of_all_frames(self) -> None:
        timeline = Timeline(SPACE)
        timeline.add(0.0, filled(0, 0, 1, -1), (0, 0))
        timeline.add(0.04, filled(1, 1, 1, 2), (3, 4))
        assert [(one["name"], one["share"], one["pixels"]) for one in timeline.classes()] == [
            ("road", 0.5, 4),
            ("sky", 0.25, 2),
            ("car", 0.125, 1),
        ]
        first, second = timeline.to_json()
        assert first == {"start": 0.0, "frames": 1, "shares": {"sky": 0.5, "road": 0.25}, "flicker": None}
        assert second["flicker"] == 0.75 and second["start"] == 0.04

    @pytest.mark.parametrize("count", [MOST_SPANS, MOST_SPANS + 1, 1000])
    def test_long_videos_have_no_more_spans_and_lose_nothing(self, count: int) -> None:
        timeline = Timeline(SPACE)
        for number in range(count):
            timeline.add(number / 10, filled(number % 3), (1, 1))
        spans = timeline.to_json()
        assert len(spans) <= MOST_SPANS and sum(span["frames"] for span in spans) == count == timeline.frames
        assert len({span["frames"] for span in spans[:-1]}) <= 1
        assert sum(one["pixels"] for one in timeline.classes()) == count
        assert [span["start"] for span in spans] == sorted(span["start"] for span in spans)

    def test_the_picture_shows_who_rules_when(self) -> None:
        timeline = Timeline(SPACE)
        timeline.add(0.0, filled(0, 0, 0, 1), (0, 0))
        timeline.add(1.0, filled(1, 1, 1, 1), (3, 4))
        drawn = np.asarray(timeline.draw(2.0))
        low, high = drawn[26 + 200], drawn[26 + 20]  # the bands begin below the times
        assert tuple(low[100]) == SPACE.colors[1] and tuple(high[100]) == SPACE.colors[0]
        assert tuple(low[900]) == tuple(high[900]) == SPACE.colors[1]


@pytest.mark.parametrize(("seconds", "said"), [(2.5, "2.5 s"), (187, "3:07"), (3723.4, "1:02:03")])
def test_times_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert clock(seconds) == said
