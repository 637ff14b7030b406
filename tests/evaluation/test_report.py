import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from sceneparse.data.sample import Sample
from sceneparse.errors import UserError
from sceneparse.evaluation.comparison import Comparison
from sceneparse.evaluation.evaluate import Evaluation, PictureScore, evaluate
from sceneparse.evaluation.gallery import Mark, choose, label_image
from sceneparse.evaluation.page import page
from sceneparse.evaluation.report import confusions, write_report
from sceneparse.inference import TestProtocol
from sceneparse.labels import IGNORE, LabelSpace, TaskLabels
from tests.support.engines import GivenScores
from tests.support.well_formed import Page

NAMES = ("sky", "road", "<b>boat</b>", "car & co", "never seen")
SPACE = LabelSpace(NAMES)
PAIR = ("<b>boat</b>", "car & co")


class Pictures:
    """Scenes whose first channel holds the class, so that a fake engine can read it off."""

    def __init__(self, count: int = 20, side: int = 24) -> None:
        self.labels, self.count, self.side = SPACE, count, side

    @property
    def tasks(self) -> TaskLabels:
        return TaskLabels(self.labels)

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return f"street/<i>{index:03d}"

    def __getitem__(self, index: int) -> Sample:
        truth = torch.zeros(self.side, self.side + 8, dtype=torch.int16)
        truth[self.side // 2 :] = 1
        truth[-6:-2, 4 : 6 + index % 9] = 2 + index % 2
        image = (truth * 40 + 20).to(torch.uint8).expand(3, -1, -1).clone()
        image[1, 0, 0] = index
        truth[:2] = IGNORE
        return Sample(image, truth, name=self.name(index))


class Reader(GivenScores):
    """Reads the class off the picture; `blind` takes every boat for a car, `shaky` errs more with each picture."""

    num_classes = len(NAMES)

    def __init__(self, *, blind: bool = False, shaky: bool = False) -> None:
        self.blind, self.shaky = blind, shaky

    def __call__(self, images: Tensor) -> Tensor:
        labels = (images[:, 0].long() - 20) // 40
        if self.blind:
            labels[labels == 2] = 3
        if self.shaky:
            labels[:, 8:10, : int(images[0, 1, 0, 0])] = 1
        return 9.0 * torch.nn.functional.one_hot(labels, self.num_classes).permute(0, 3, 1, 2).float()


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    return Pictures()


@pytest.fixture(scope="module")
def evaluation(pictures: Pictures) -> Evaluation:
    return evaluate(Reader(shaky=True), pictures, TestProtocol())


@pytest.fixture(scope="module")
def second(pictures: Pictures) -> Comparison:
    engine = Reader(shaky=True, blind=True)
    return Comparison("FCN <18>", evaluate(engine, pictures, TestProtocol()), engine, (PAIR,))


@pytest.fixture(scope="module")
def report(
    pictures: Pictures, evaluation: Evaluation, second: Comparison, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("report")
    (folder / "run").mkdir()
    lines = [{"kind": "train", "iteration": step, "loss": 1 / step} for step in range(1, 60)]
    (folder / "run" / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return write_report(
        folder / "out",
        evaluation,
        Reader(shaky=True),
        pictures,
        title="PSPNet <on> toys",
        name="PSPNet",
        run=folder / "run",
        comparison=second,
        facts={"machine": "2 <cores>"},
    )


def test_the_report_is_one_well_formed_page_that_fetches_nothing(report: Path) -> None:
    text = report.read_text(encoding="utf-8")
    page = Page(text)
    assert all(link.startswith(("data:image/", "#")) for link in page.links)
    assert not re.search(r"https?:|url\(|@import|<script ", text)


def test_every_section_is_there_and_linked(report: Path) -> None:
    page = Page(report.read_text(encoding="utf-8"))
    sections = {"classes", "differences", "training", "confusions", "best", "worst", "random"}
    assert sections <= page.ids
    links = [link for link in page.links if link.startswith("#")]
    assert {f"#{section}" for section in sections} == {link for link in links if "-" not in link}
    assert {link[1:] for link in links} <= page.ids
    # Each picture opens, and closes.
    assert len({link for link in links if "-" in link}) == 2 * len(page.images)


def test_names_titles_and_facts_are_escaped_wherever_they_stand(report: Path) -> None:
    text = report.read_text(encoding="utf-8")
    assert not re.search(r"<b>boat|<i>\d|<on>|<18>|<cores>|car & co", text)
    said = " ".join(Page(text).text)
    for name in ("<b>boat</b>", "car & co", "street/<i>0", "PSPNet <on> toys", "FCN <18>", "2 <cores>"):
        assert name in said


def test_the_scores_stand_at_the_top_with_their_protocol(report: Path, evaluation: Evaluation) -> None:
    head = report.read_text(encoding="utf-8").split("<main>")[0]
    for value in (evaluation.scores.mean_iou, evaluation.scores.pixel_accuracy, evaluation.scores.mean_accuracy):
        assert f"<b>{100 * value:.2f}%</b>" in head
    assert TestProtocol().describe() in head


def test_metrics_are_written_beside_it_for_both_models(
    report: Path, evaluation: Evaluation, second: Comparison
) -> None:
    assert json.loads((report.parent / "metrics.json").read_text()) == evaluation.to_json()
    assert json.loads((report.parent / "metrics-fcn-18.json").read_text()) == second.evaluation.to_json()
    assert sorted(path.name for path in report.parent.iterdir()) == [
        "metrics-fcn-18.json",
        "metrics.json",
        "report.html",
    ]


def test_the_classes_come_best_first_and_unknown_ones_last(report: Path) -> None:
    part = report.read_text(encoding="utf-8").split('id="classes"')[1].split("</section>")[0]
    shown = re.findall(r'class="number"><b>(.*?)%?</b>', part)
    known = [float(value) for value in shown if value != "–"]
    assert known == sorted(known, reverse=True) and len(known) == 4
    assert shown[-1] == "–" and part.rindex("never seen") > part.rindex("sky")


def test_every_picture_has_a_text_and_a_size(report: Path) -> None:
    images = Page(report.read_text(encoding="utf-8")).images
    assert len(images) >= 4 * 14
    assert all(image["alt"] and image["width"] == "32" and image["height"] == "24" for image in images)


def test_the_rival_section_shows_what_the_rival_takes_for_its_lookalike(report: Path) -> None:
    part = report.read_text(encoding="utf-8").split('id="differences"')[1].split("</section>")[0]
    said = re.sub(r"\s+", " ", " ".join(Page(part.split(">", 1)[1]).text))
    assert "PSPNet reads 0% of it as car & co , FCN <18> 100%." in said
    assert part.count('class="mark"') == 4 * part.count('class="card"') > 0


def test_the_same_input_gives_the_same_bytes(pictures: Pictures, evaluation: Evaluation, tmp_path: Path) -> None:
    first, second = (
        write_report(tmp_path / name, evaluation, Reader(shaky=True), pictures, title="A").read_bytes() for name in "ab"
    )
    assert first == second


def test_without_a_run_and_a_rival_their_parts_are_left_out(
    pictures: Pictures, evaluation: Evaluation, tmp_path: Path
) -> None:
    path = write_report(tmp_path, evaluation, Reader(shaky=True), pictures, title="A", run=tmp_path / "nowhere")
    page = Page(path.read_text(encoding="utf-8"))
    assert not page.ids & {"differences", "training"}
    assert sorted(child.name for child in tmp_path.iterdir()) == ["metrics.json", "report.html"]


def test_a_perfect_model_and_a_single_picture_make_a_report(tmp_path: Path) -> None:
    pictures = Pictures(count=1)
    path = write_report(tmp_path, evaluate(Reader(), pictures, TestProtocol()), Reader(), pictures, title="A")
    said = " ".join(Page(path.read_text(encoding="utf-8")).text)
    assert "100.00%" in said and "No pixel was read as another class." in said and "no mistake" in said


def test_large_photographs_are_brought_down_so_that_the_report_stays_small(tmp_path: Path) -> None:
    pictures = Pictures(count=2, side=800)
    path = write_report(tmp_path, evaluate(Reader(), pictures, TestProtocol()), Reader(), pictures, title="A")
    assert path.stat().st_size < 300_000
    assert {image["width"] for image in Page(path.read_text(encoding="utf-8")).images} == {"800"}


def test_of_a_large_label_space_only_the_most_confused_classes_are_drawn(tmp_path: Path) -> None:
    class Many(Pictures):
        def __init__(self) -> None:
            super().__init__(count=1)
            self.labels = LabelSpace(tuple(f"class {index}" for index in range(150)))

        def __getitem__(self, index: int) -> Sample:
            return Sample(
                torch.arange(150, dtype=torch.uint8).expand(3, 2, 150), torch.arange(150).short().expand(2, -1)
            )

    class Off(Reader):
        num_classes = 150

        def __call__(self, images: Tensor) -> Tensor:
            labels = (images[:, 0].long() + 1) % 150
            labels[:, 0] = images[:, 0, 0]
            return 9.0 * torch.nn.functional.one_hot(labels, 150).permute(0, 3, 1, 2).float()

    path = write_report(tmp_path, evaluate(Off(), Many(), TestProtocol()), Off(), Many(), title="A")
    part = path.read_text(encoding="utf-8").split('id="confusions"')[1].split("</section>")[0]
    assert part.count('class="name"') == 40
    assert "The 40 classes with the costliest confusions" in part


def test_confusions_are_ranked_by_what_they_cost_the_mean_iou() -> None:
    # Of the many pixels of class 0, twenty become class 1 and destroy it; of class 2, thirty become the large class 0.
    counts = np.array([[9950, 20, 0], [0, 20, 0], [30, 0, 970]])
    first, second = confusions(counts, 3)
    assert (first.truth, first.read) == (0, 1)
    assert first.rate == pytest.approx(20 / 9970)
    assert first.cost == pytest.approx((20 / 10000 + 20 / 40) / 3)
    assert (second.truth, second.read) == (2, 0)


def test_the_chosen_pictures_are_distinct_seeded_and_of_the_three_kinds() -> None:
    scores = [PictureScore(index, f"{index}", index / 30, 1.0) for index in range(30)]
    choice = choose([*scores, PictureScore(30, "nothing known", None, None)])
    assert [one.index for one in choice.best] == [29, 28, 27, 26]
    assert [one.index for one in choice.worst] == [0, 1, 2, 3, 4, 5]
    assert len({*choice.best, *choice.worst, *choice.random}) == 14
    assert choose(scores).random == choose(scores).random


@pytest.mark.parametrize("count", range(6))
def test_few_pictures_are_shared_out_without_repeats(count: int) -> None:
    scores = tuple(PictureScore(index, f"{index}", index / 30, 1.0) for index in range(count))
    choice = choose(scores)
    shown = [*choice.best, *choice.worst, *choice.random]
    assert len(shown) == len(set(shown)) == count
    assert count == 0 or choice.best[0].index == count - 1


def test_a_mark_lies_around_the_bulk_of_its_mask_and_inside_the_picture() -> None:
    mask = np.zeros((100, 200), dtype=bool)
    mask[80:, 20:60] = True
    mask[3, 150] = True
    mark = Mark.around(mask)
    assert 0.7 < mark.top < 0.8 and mark.top + mark.height == 1.0
    assert 0.08 <= mark.left <= 0.11 and 0.18 < mark.width < 0.26


def test_a_label_image_has_the_exact_colours_and_one_byte_a_pixel() -> None:
    labels = np.array([[0, 3], [IGNORE, 3]], dtype=np.int16)
    image = label_image(labels, SPACE)
    assert image.mode == "P"
    colors = np.asarray(image.convert("RGB"))
    assert colors[0, 1].tolist() == list(SPACE.colors[3]) and colors[1, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": LabelSpace(tuple("abcde"))}, "classes"),
        ({"protocol": TestProtocol("mmseg")}, "protocol"),
        ({"pictures": ()}, "pictures"),
    ],
)
def test_a_rival_that_cannot_be_compared_is_refused(
    change: dict[str, object],
    message: str,
    pictures: Pictures,
    evaluation: Evaluation,
    second: Comparison,
    tmp_path: Path,
) -> None:
    other = dataclasses.replace(second, evaluation=dataclasses.replace(second.evaluation, **change))  # type: ignore[arg-type]
    with pytest.raises(UserError, match=message):
        write_report(tmp_path, evaluation, Reader(), pictures, title="A", comparison=other)
    assert list(tmp_path.iterdir()) == []


def test_a_lookalike_that_is_no_class_is_refused(
    pictures: Pictures, evaluation: Evaluation, second: Comparison, tmp_path: Path
) -> None:
    other = dataclasses.replace(second, lookalikes=(("sky", "plane"),))
    with pytest.raises(UserError, match="'plane' is not a class"):
        write_report(tmp_path, evaluation, Reader(), pictures, title="A", comparison=other)


def test_a_picture_whose_name_is_no_utf_8_stands_in_a_page_that_is() -> None:
    assert "caf\\udce9.jpg" in page("caf\udce9.jpg", "", [], "").encode().decode()
