import shutil
from collections.abc import Callable
from contextlib import chdir
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from sceneparse.datasets.kinds import KINDS
from sceneparse.labels import LabelSpace
from sceneparse.settings import DataSettings, SourceSettings, Temperatures
from sceneparse.weights.card import model_card, with_confidence
from sceneparse.weights.config import ModelConfig, read_config
from sceneparse.weights.labels_file import read_labels

METRICS = {
    "mean_iou": 0.51234,
    "pixel_accuracy": 0.9,
    "protocol": "semseg: windows 473x473",
    "seconds": 12.0,
    "classes": [{"name": "sky", "iou": 0.75}, {"name": "road", "iou": None}],
}


def front_matter(card: str) -> dict[str, Any]:
    assert card.startswith("---\n")
    matter: dict[str, Any] = yaml.safe_load(card.split("---\n")[1])
    return matter


def test_a_card_says_figures_protocol_data_and_classes(
    make_config: Callable[..., ModelConfig], labels: LabelSpace
) -> None:
    card = model_card(make_config(), labels, METRICS)
    assert "| mean IoU | 51.23 |" in card and "| pixel accuracy | 90.00 |" in card
    assert "Protocol: semseg: windows 473x473." in card
    assert "| sky | 75.00 |" in card and "| road | – |" in card
    assert "CamVid" in card and "sky, road, car" in card
    assert "FCN (test_resnet)" in card


def test_the_snippet_of_a_card_runs_in_the_models_folder(tiny_run: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_run / "model", tmp_path / "model")
    card = model_card(read_config(folder / "config.json"), read_labels(folder / "labels.json")[0], None)
    Image.new("RGB", (64, 48)).save(folder / "picture.jpg")
    with chdir(folder):
        exec(card.split("```python\n")[1].split("```")[0], {})
    assert (folder / "overlay.png").is_file()


def test_the_front_matter_is_the_hubs(make_config: Callable[..., ModelConfig], labels: LabelSpace) -> None:
    matter = front_matter(model_card(make_config(), labels, METRICS))
    assert matter["library_name"] == "sceneparse" and matter["pipeline_tag"] == "image-segmentation"
    assert "fcn" in matter["tags"]
    (result,) = matter["model-index"][0]["results"]
    assert result["dataset"] == {"type": "camvid", "name": "camvid", "split": "test"}
    assert [metric["type"] for metric in result["metrics"]] == ["mean_iou", "pixel_accuracy"]
    assert result["metrics"][0]["value"] == 0.51234
    assert "semseg: windows" in result["metrics"][0]["name"]


def test_an_untested_model_claims_no_figures(make_config: Callable[..., ModelConfig], labels: LabelSpace) -> None:
    card = model_card(make_config(), labels, None)
    assert "Not evaluated" in card and "model-index" not in front_matter(card)


def test_a_card_names_the_file_but_not_the_folder_of_the_first_weights(
    make_config: Callable[..., ModelConfig], labels: LabelSpace
) -> None:
    card = model_card(make_config(weights="/home/somebody/r10.pth"), labels, None)
    assert "r10.pth" in card and "somebody" not in card


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_says_what_every_kind_of_data_is(
    make_config: Callable[..., ModelConfig], labels: LabelSpace, kind: str
) -> None:
    sources = (SourceSettings("dtd", root="textures"),) if kind == "mixture" else ()
    root = "somewhere" if KINDS[kind].root == "required" else None
    data = DataSettings(kind, root=root, sources=sources)
    assert "Trained on `train`" in model_card(replace(make_config(), data=data), labels, None)


def test_a_bar_in_the_name_of_a_class_ends_no_cell(make_config: Callable[..., ModelConfig], labels: LabelSpace) -> None:
    metrics = METRICS | {"classes": [{"name": "road | path", "iou": 0.5}]}
    assert "| road \\| path | 50.00 |" in model_card(make_config(), labels, metrics)


def test_a_card_says_temperatures_and_forgets_them_whatever_people_wrote_into_it(
    make_config: Callable[..., ModelConfig], labels: LabelSpace
) -> None:
    plain = model_card(make_config(), labels, METRICS)
    calibrated = model_card(replace(make_config(), temperatures=Temperatures(object=1.2345, part=0.8)), labels, METRICS)
    assert "divided, those of objects by 1.23, those of parts by 0.8, so that" in calibrated
    figures, confidence, limits = map(calibrated.index, ("## Figures", "## Confidence\n\nCalibrated", "## Limits"))
    assert figures < confidence < limits
    again = with_confidence(calibrated, Temperatures(object=2.0))
    assert again == with_confidence(plain, Temperatures(object=2.0)) and again.count("## Confidence") == 1
    assert with_confidence(again, Temperatures()) == plain
    own = "# Mine\r\n\r\nHow sure?\r\n"
    said = with_confidence(own, Temperatures(object=2.0))
    assert said.startswith("# Mine\r\n\r\nHow sure?") and said.endswith("labels stay the same.\n")
    assert with_confidence(with_confidence(said, Temperatures(object=3.0)), Temperatures(object=2.0)) == said
