import io
import json
import threading
from dataclasses import replace
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor

from sceneparse.data import workers
from sceneparse.data.sample import Sample
from sceneparse.errors import UserError
from sceneparse.evaluation import evaluate, print_scores, reading
from sceneparse.evaluation.reading import AHEAD, READERS, readers_for, spaced
from sceneparse.inference import resolve
from sceneparse.labels import IGNORE, LabelSpace, TaskLabels
from sceneparse.settings import DataSettings, LearntSizes, ProtocolSettings
from tests.support.engines import GivenScores

WHOLE = resolve(ProtocolSettings())


class RedIsClass(GivenScores):
    """An engine that reads the class from the red channel: 10 x class."""

    num_classes = 3

    def __call__(self, images: Tensor) -> Tensor:
        return -(images[:, :1].float() - 10 * torch.arange(3.0).view(1, 3, 1, 1)).abs()


class Pictures:
    """Pictures of different sizes that show what the engine will say; the truth differs in the left column."""

    labels = LabelSpace(("sky", "road", "car"))

    def __init__(self, count: int = 5) -> None:
        self.count = count
        self.read: list[int] = []
        self.threads: set[int] = set()

    @property
    def tasks(self) -> TaskLabels:
        return TaskLabels(self.labels)

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return f"street/{index:03}"

    def __getitem__(self, index: int) -> Sample:
        self.read.append(index)
        self.threads.add(threading.get_ident())
        seen = torch.arange(4 + index).remainder(2).expand(3, -1)
        truth = seen.clone().to(torch.int16)
        truth[:, 0] = 1
        truth[0, 1] = IGNORE
        image = torch.zeros(3, *seen.shape, dtype=torch.uint8)
        image[0] = 10 * seen
        return Sample(image, objects=truth, name=self.name(index))


class Broken(Pictures):
    """One sample is not as it should be."""

    def __init__(self, bad: dict[str, Any] | UserError) -> None:
        super().__init__(6)
        self.bad = bad

    def __getitem__(self, index: int) -> Sample:
        sample = super().__getitem__(index)
        if index != 2:
            return sample
        if isinstance(self.bad, UserError):
            raise self.bad
        return replace(sample, **self.bad)


def test_scores_are_those_of_all_pixels_together() -> None:
    evaluation = evaluate(RedIsClass(), Pictures(), WHOLE)
    widths = range(4, 9)
    wrong, known = 3 * len(widths), sum(3 * width - 1 for width in widths)
    assert evaluation.counts.sum() == known
    assert evaluation.counts[1, 0] == wrong and evaluation.counts[0, 1] == 0
    assert evaluation.scores.pixel_accuracy == pytest.approx(1 - wrong / known)
    assert evaluation.scores.classes[2].iou is None
    assert evaluation.seconds > 0 and evaluation.labels is Pictures.labels


def test_each_picture_has_its_own_score_and_place() -> None:
    pictures = evaluate(RedIsClass(), Pictures(), WHOLE).pictures
    assert [(one.index, one.name) for one in pictures] == [(index, f"street/{index:03}") for index in range(5)]
    assert pictures[0].pixel_accuracy == pytest.approx(8 / 11)
    # 3 x 4 pixels: 0 twice a row, of which three are truly 1; two columns of 1, less the ignored one.
    assert pictures[0].mean_iou == pytest.approx((3 / 6 + 5 / 8) / 2)


def test_a_count_takes_evenly_spaced_pictures() -> None:
    dataset = Pictures(10)
    evaluation = evaluate(RedIsClass(), dataset, WHOLE, count=4)
    assert dataset.read == [one.index for one in evaluation.pictures] == [0, 2, 5, 7]
    assert spaced(3, 50) == spaced(3, None) == [0, 1, 2]
    with pytest.raises(UserError, match="count is 0"):
        spaced(3, 0)


def test_pictures_are_read_ahead_in_another_thread_but_not_all_at_once() -> None:
    dataset = Pictures(20)
    ahead: list[int] = []

    class Watching(RedIsClass):
        def __call__(self, images: Tensor) -> Tensor:
            ahead.append(len(dataset.read) - len(ahead))
            return super().__call__(images)

    evaluate(Watching(), dataset, WHOLE)
    assert threading.get_ident() not in dataset.threads and len(dataset.threads) == 1
    assert 1 <= max(ahead) <= AHEAD + 1


def test_several_threads_read_in_order_and_within_bounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone = evaluate(RedIsClass(), Pictures(20), WHOLE)
    ahead: list[int] = []

    class Watching(RedIsClass):
        def __call__(self, images: Tensor) -> Tensor:
            ahead.append(len(dataset.read) - len(ahead))
            return super().__call__(images)

    dataset = Pictures(20)
    several = evaluate(Watching(), dataset, WHOLE, readers=4)
    assert several.pictures == alone.pictures and several.counts.equal(alone.counts)
    monkeypatch.setattr(reading, "AHEAD_BYTES", 0)
    dataset = Pictures(20)
    ahead.clear()
    evaluate(Watching(), dataset, WHOLE, readers=4)
    assert max(ahead) <= AHEAD + 1


def test_slices_and_tiles_are_read_by_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "usable_cores", lambda: 32)
    assert readers_for(DataSettings("folder"), "cuda") == READERS
    assert readers_for(DataSettings("nifti"), "cuda") == readers_for(DataSettings("geotiff"), "cuda") == 1


def test_the_learnt_scale_stands_in_the_protocol_where_a_picture_was_brought_to_it() -> None:
    large = resolve(ProtocolSettings(), LearntSizes(short=3, largest=3, seen=(2, 6)))  # all are 3 pixels high
    small = resolve(ProtocolSettings(), LearntSizes(short=2, largest=2, seen=(1, 4)))
    kept = evaluate(RedIsClass(), Pictures(), large)
    assert kept.protocol == WHOLE
    assert kept.to_json()["protocol"] == evaluate(RedIsClass(), Pictures(), WHOLE).to_json()["protocol"]
    assert evaluate(RedIsClass(), Pictures(), small).protocol == small


def test_json_holds_the_figures_and_their_protocol() -> None:
    evaluation = evaluate(RedIsClass(), Pictures(), WHOLE)
    value = json.loads(json.dumps(evaluation.to_json(), allow_nan=False))
    assert {"mean_iou", "pixel_accuracy", "mean_accuracy", "frequency_weighted_iou", "protocol", "classes"} <= set(
        value
    )
    assert value["protocol"] == WHOLE.describe()
    assert value["classes"][2] == {"name": "car", "iou": None, "accuracy": None, "pixels": 0}
    assert value["pictures"] == 5 and value["confusion"] == evaluation.counts.tolist()
    assert value["pictures_per_second"] > 0


def test_the_protocol_decides_how_absent_classes_count() -> None:
    zero = resolve(ProtocolSettings(absent="zero"))
    skipped, counted = (evaluate(RedIsClass(), Pictures(), one).scores.mean_iou for one in (WHOLE, zero))
    assert counted == pytest.approx(skipped * 2 / 3)


def test_samples_without_object_labels_are_named() -> None:
    with pytest.raises(UserError, match="street/002: no object labels"):
        evaluate(RedIsClass(), Broken({"objects": None}), WHOLE)


def test_an_error_in_the_reading_thread_comes_out_as_it_is() -> None:
    with pytest.raises(UserError, match=r"^masks/002: broken$"):
        evaluate(RedIsClass(), Broken(UserError("masks/002: broken")), WHOLE)


def test_there_must_be_something_to_score() -> None:
    with pytest.raises(UserError, match="no pictures"):
        evaluate(RedIsClass(), Pictures(0), WHOLE)

    class Unlabelled(Pictures):
        def __getitem__(self, index: int) -> Sample:
            sample = super().__getitem__(index)
            assert sample.objects is not None
            return replace(sample, objects=torch.full_like(sample.objects, IGNORE))

    with pytest.raises(UserError, match="no pixel whose class is known in 5 pictures"):
        evaluate(RedIsClass(), Unlabelled(), WHOLE)


def test_a_model_with_other_classes_is_refused() -> None:
    class Two(RedIsClass):
        num_classes = 2

    with pytest.raises(UserError, match="the model has 2 classes, but the data set has 3"):
        evaluate(Two(), Pictures(), WHOLE)


def test_the_progress_bar_goes_to_standard_error_with_the_running_mean(capfd: pytest.CaptureFixture[str]) -> None:
    evaluation = evaluate(RedIsClass(), Pictures(), WHOLE, progress="validating")
    out, err = capfd.readouterr()
    assert out == "" and "validating" in err and "5/5" in err
    assert f"mean IoU {100 * evaluation.scores.mean_iou:.2f}" in err
    evaluate(RedIsClass(), Pictures(), WHOLE)
    assert capfd.readouterr() == ("", "")


def test_the_table_has_every_class_the_means_and_the_protocol() -> None:
    console = Console(file=io.StringIO(), width=120)
    evaluation = evaluate(RedIsClass(), Pictures(), WHOLE)
    print_scores(evaluation, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert WHOLE.describe() in text
    lines = {line.split()[1]: line for line in text.splitlines() if line.startswith("│")}
    assert {"sky", "road", "car", "mean"} <= set(lines)
    assert "–" in lines["car"] and f"{100 * evaluation.scores.mean_iou:.2f}" in lines["mean"]
    assert lines["road"].count("█") == int(20 * (evaluation.scores.classes[1].iou or 0))


def test_square_brackets_in_a_classs_name_are_shown_as_they_are() -> None:
    console = Console(file=io.StringIO(), width=120)
    pictures = Pictures()
    pictures.labels = LabelSpace(("sky [blue]", "road[/]", "car [/b]"))
    print_scores(evaluate(RedIsClass(), pictures, WHOLE), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(name in text for name in pictures.labels.names)
