import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor

from sceneparse.data.sample import Sample
from sceneparse.diagnosing import Case, Diagnosis, Opponent, diagnose, learn, print_findings, write_diagnosis
from sceneparse.diagnosing.advice import advise
from sceneparse.diagnosing.example_cards import window
from sceneparse.diagnosing.sections import calibration_section
from sceneparse.diagnosing.versus import ranked
from sceneparse.errors import UserError
from sceneparse.evaluation.comparison import Comparison
from sceneparse.inference import TestProtocol
from sceneparse.labels import IGNORE, LabelSpace
from tests.support.engines import GivenScores
from tests.support.well_formed import Page

SKY, ROAD, CAR, RIVER, BOAT, SIGN = range(6)
SPACE = LabelSpace(("sky", "road", "<b>car</b>", "river & sea", "boat", "sign"))
COUNT = 12


def scene(ground: int, thing: int) -> np.ndarray:
    labels = np.full((60, 80), SKY, dtype=np.int16)
    labels[24:] = ground
    labels[36:48, 10:34] = thing
    return labels


def case(index: int, *, good: bool = False) -> Case:
    """Boats on rivers read as cars, signs that are overlooked, half of the cars on roads read as boats."""
    road = index % 2 == 0
    truth = scene(ROAD, CAR) if road else scene(RIVER, BOAT)
    prediction = truth.copy()
    truth[52:57, 60:66] = SIGN
    truth[0] = IGNORE
    if not good:
        prediction[36:48, 22:34] = SIGN if road else prediction[36:48, 22:34]
        prediction[prediction == BOAT] = CAR
    image = np.random.default_rng(index).integers(0, 255, (3, 60, 80)).astype(np.uint8)
    sample = Sample(torch.from_numpy(image), torch.from_numpy(truth), name=f"town/<i>{index:03}")
    return Case(index, sample, torch.from_numpy(prediction), torch.full((60, 80), 0.9))


def truth_of(one: Case) -> Tensor:
    assert one.sample.objects is not None
    return one.sample.objects


def cases(*, good: bool = False) -> Iterator[Case]:
    return (case(index, good=good) for index in range(COUNT))


@pytest.fixture(scope="module")
def diagnosis() -> Diagnosis:
    relations = learn([scene(ROAD, CAR) for _ in range(30)] + [scene(RIVER, BOAT) for _ in range(30)], 6)
    return diagnose(cases(), SPACE, relations)


@pytest.fixture(scope="module")
def opponent(diagnosis: Diagnosis) -> Opponent:
    better = diagnose(cases(good=True), SPACE, diagnosis.relations)

    class Engine(GivenScores):
        num_classes = 6

    return Opponent(Comparison("PSP <50>", better.evaluation, Engine()), better, lambda index: case(index, good=True))


@pytest.fixture(scope="module")
def report(diagnosis: Diagnosis, opponent: Opponent, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("diagnosis")
    facts = {"data": "town & <country>"}
    return write_diagnosis(folder, diagnosis, case, title="Why <it> fails", name="FCN", opponent=opponent, facts=facts)


def test_each_planted_kind_is_told_once(diagnosis: Diagnosis) -> None:
    assert {one.kind for one in diagnosis.findings.found} == {"mismatched", "confusable", "inconspicuous"}
    assert diagnosis.findings.of("mismatched")[0].classes == (CAR,)
    assert diagnosis.findings.of("confusable")[0].classes == (CAR, SIGN)
    assert diagnosis.findings.of("inconspicuous")[0].classes == (SIGN,)


def test_the_page_is_well_formed_and_fetches_nothing(report: Path) -> None:
    page = Page(report.read_text())
    assert all(link.startswith(("data:image/", "#")) for link in page.links)
    assert {link[1:] for link in page.links if link.startswith("#")} <= page.ids
    assert all(image.get("alt") and image.get("width") for image in page.images)


def test_names_are_escaped_wherever_they_stand(report: Path) -> None:
    page = Page(report.read_text())
    assert not {"it", "country"} & page.tags
    text = " ".join(page.text)
    for name in ("<b>car</b>", "river & sea", "town/<i>011", "Why <it> fails", "PSP <50>", "town & <country>"):
        assert name in text


def test_it_opens_with_the_changes_that_help_most_in_words_with_gain_advice_and_picture(
    report: Path, diagnosis: Diagnosis
) -> None:
    html = report.read_text()
    opening = html[html.index('<section id="changes"') : html.index('<section id="losses"')]
    text = " ".join(Page(opening).text)
    for rank, one in enumerate(diagnosis.findings.found, 1):
        assert f"{rank}. " in text and f"+{100 * one.gain:.2f} points" in text
    assert "“boat” is never predicted" in text.partition("1. ")[0]
    assert text.count("What to do.") == 1 + 3 and len(Page(opening).images) == 4 * 3
    assert "6 of the 12 regions that are read as “<b>car</b>”" in text
    assert "but 0 show both, where chance alone would give 15" in text
    assert "Of the 12 true regions of “sign” that take up less than 1% of their picture" in text


def printed(diagnosis: Diagnosis, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_findings(diagnosis, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_terminal_says_in_a_line_for_each_finding_what_to_do(diagnosis: Diagnosis) -> None:
    lines = printed(diagnosis, 60).splitlines()
    for rank, one in enumerate(diagnosis.findings.found, 1):
        (start,) = (number for number, line in enumerate(lines) if line.startswith(f"{rank}. "))
        assert advise(one, diagnosis).remedy.replace("`", "") in lines[start:]


def test_the_terminal_shows_names_as_they_are(diagnosis: Diagnosis) -> None:
    names = ("sky", "road [wet]", "car [/b]", "river", "boat", "[sign]")
    renamed = replace(diagnosis, evaluation=replace(diagnosis.evaluation, labels=LabelSpace(names)))
    text = printed(renamed, 200)
    assert "“car [/b]” is read where the rest of the picture speaks against it" in text
    assert "“[sign]” is overlooked" in text


def test_every_kind_has_its_section_also_without_a_finding(tmp_path: Path, diagnosis: Diagnosis) -> None:
    perfect = diagnose(
        (Case(one.index, one.sample, truth_of(one).clamp(min=0), one.confidence) for one in cases()),
        SPACE,
        diagnosis.relations,
    )
    page = Page(write_diagnosis(tmp_path, perfect, case, title="Fine").read_text())
    assert {"changes", "losses", "mismatched", "confusable", "inconspicuous", "boundary", "calibration"} <= page.ids
    text = " ".join(page.text)
    assert "No finding." in text and text.count("None found.") == 4 and "versus" not in page.ids
    assert "right more often than it says by 10.00%" in text


@pytest.mark.parametrize(
    ("wrong", "text"), [(0, "0 of 9,600 pixels (0.00%) are wrong"), (1, "1 of 9,600 pixels (0.01%) is wrong")]
)
def test_the_wrong_pixels_are_counted_where_there_are_none_or_one(
    wrong: int, text: str, tmp_path: Path, diagnosis: Diagnosis
) -> None:
    def right(index: int) -> Case:
        one = case(index, good=True)
        truth = truth_of(one).clone()
        truth[truth == IGNORE] = SKY
        labels = truth.clone()
        if index == 0:
            labels[0, :wrong] = ROAD
        return replace(one, sample=replace(one.sample, objects=truth), labels=labels)

    found = diagnose((right(index) for index in range(2)), SPACE, diagnosis.relations)
    page = Page(write_diagnosis(tmp_path, found, right, title="x", name="y").read_text())
    assert text in " ".join(page.text)


def test_the_record_holds_what_the_report_says(report: Path, diagnosis: Diagnosis) -> None:
    record = json.loads((report.parent / "diagnosis.json").read_text())
    assert [one["kind"] for one in record["findings"]] == [one.kind for one in diagnosis.findings.found]
    mismatch = next(one for one in record["findings"] if one["kind"] == "mismatched")
    assert mismatch["classes"] == ["<b>car</b>"] and (mismatch["times"], mismatch["chances"]) == (6, 12)
    assert mismatch["confusions"] == [{"truth": "boat", "read": "<b>car</b>", "pixels": 6 * 288}]
    assert mismatch["examples"][0] == {"picture": "town/<i>011", "box": [36, 10, 48, 34], "pixels": 288}
    assert record["metrics"]["pictures"] == COUNT and record["rival"]["name"] == "PSP <50>"
    assert record["calibration"]["expected_calibration_error"] == pytest.approx(diagnosis.calibration.error)
    assert record["boundary"]["classes"][0]["iou"] == pytest.approx(diagnosis.boundaries.iou()[0])
    assert record["sizes"][2]["overlooked"] == COUNT
    assert [one["name"] for one in record["unpredicted"]] == ["boat"] and record["training"] is None


@pytest.mark.parametrize("temperature", [1.0, 1.7])
def test_a_crf_has_probabilities_of_its_own(temperature: float, diagnosis: Diagnosis) -> None:
    smoothed = diagnose(cases(), SPACE, diagnosis.relations, TestProtocol(crf=True))
    body = calibration_section(smoothed, temperature).body
    assert "the dense CRF's own probabilities" in body and "calibrate" not in body and "1.7" not in body
    usual = calibration_section(diagnosis, temperature).body
    assert "CRF" not in usual and ("the model's own temperature, 1.7" in usual) is (temperature != 1)


def test_two_models_are_ranked_by_their_lead_picture_by_picture(diagnosis: Diagnosis, opponent: Opponent) -> None:
    pairs = ranked(opponent.diagnosis, diagnosis)
    scores = [(one.mean_iou, other.mean_iou) for one, other in pairs]
    leads = [one - other for one, other in scores if one is not None and other is not None]
    assert leads == sorted(leads, reverse=True) and len(leads) == len(pairs) == COUNT and leads[0] > 0
    assert [one.index for one, _ in pairs] == [other.index for _, other in pairs]


def test_the_rival_section_shows_who_is_ahead_and_where(report: Path) -> None:
    html = report.read_text()
    section = html[html.index('<section id="versus"') : html.index('<section id="mismatched"')]
    text = " ".join(Page(section).text)
    assert "higher mean IoU in 0 of 12 pictures" in text and "in 12." in text
    assert "Where PSP <50> is ahead most" in text and "Where FCN is ahead most" not in text
    assert len(Page(section).images) == 3 * 4


def test_a_rival_tested_by_another_protocol_is_refused(
    diagnosis: Diagnosis, opponent: Opponent, tmp_path: Path
) -> None:
    other = diagnose(cases(), SPACE, diagnosis.relations, TestProtocol(flip=True))
    wrong = Opponent(Comparison("other", other.evaluation, opponent.comparison.engine), other, case)
    with pytest.raises(UserError, match="another protocol"):
        write_diagnosis(tmp_path, diagnosis, case, title="x", opponent=wrong)


def test_pictures_without_a_known_pixel_cannot_be_diagnosed(diagnosis: Diagnosis) -> None:
    unknown = Sample(torch.zeros(3, 8, 8, dtype=torch.uint8), torch.full((8, 8), IGNORE, dtype=torch.int16), name="x")
    tested = Case(0, unknown, torch.zeros(8, 8, dtype=torch.int16), torch.ones(8, 8))
    with pytest.raises(UserError, match="no pixel whose class is known in 1 picture:"):
        diagnose([tested], SPACE, diagnosis.relations)
    with pytest.raises(UserError, match="no truth"):
        diagnose(
            [Case(0, Sample(unknown.image, name="x"), tested.labels, tested.confidence)], SPACE, diagnosis.relations
        )


@pytest.mark.parametrize("box", [(0, 0, 3, 4), (50, 70, 60, 80), (20, 20, 60, 24), (0, 0, 60, 80)])
def test_a_cut_out_has_the_pictures_shape_and_holds_the_box(box: tuple[int, int, int, int]) -> None:
    top, left, bottom, right = window(box, (60, 80))
    assert 0 <= top <= box[0] < box[2] <= bottom <= 60 and 0 <= left <= box[1] < box[3] <= right <= 80
    assert (right - left) / (bottom - top) == pytest.approx(80 / 60, rel=0.05)
