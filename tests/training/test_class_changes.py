"""A training on classes that were merged, dropped and renamed: what it learns, what it starts from, what it writes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sceneparse.errors import UserError
from sceneparse.evaluation import evaluate_model
from sceneparse.settings import Recipe
from sceneparse.training.loop import train
from sceneparse.training.prepare import prepare
from sceneparse.weights.model import load_model

MakeRecipe = Callable[..., Recipe]
CLASSES = {"merge": {"floor": ["ground", "dark"]}}
ONCE = {"training__iterations": 1, "training__validate_count": 1}


@pytest.fixture(scope="module")
def run(toy: MakeRecipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(toy(data__classes=CLASSES, loss__class_weights="median", **ONCE), tmp_path_factory.mktemp("x") / "run")


def test_the_model_knows_the_new_classes_and_the_run_what_became_of_the_old(run: Path) -> None:
    model = load_model(run / "model")
    assert model.labels.names == ("floor", "bright") and model.network.num_classes == 2
    assert model.config.data.classes.merge == {"floor": ("ground", "dark")}
    ground, dark, bright = json.loads((run / "class_changes.json").read_text())["classes"]
    assert [one["becomes"] for one in (ground, dark, bright)] == ["floor", "floor", "bright"]
    # Median weights read every mask, so that pixels could be counted: 6 pictures of 48x56, two rows of each ignored.
    assert sum(one["pixels"] for one in (ground, dark, bright)) == 6 * 46 * 56 and bright["pixels"] > 0


def test_names_are_matched_as_they_are_called_now(toy: MakeRecipe, run: Path) -> None:
    recipe = toy(init__model=str(run), data__classes={"rename": {"dark": "floor", "ground": "earth"}}, **ONCE)
    started = prepare(recipe, None, "auto").started
    assert started is not None
    matches = next(iter(started.account.classes.values()))
    assert [(one.name, one.source) for one in matches] == [("earth", None), ("floor", "floor"), ("bright", "bright")]


def test_without_counted_masks_no_pixels_are_said(toy: MakeRecipe, tmp_path: Path) -> None:
    out = train(toy(data__classes={"drop": ["dark"]}, **ONCE), tmp_path / "run")
    said = json.loads((out / "class_changes.json").read_text())["classes"]
    assert [(one["becomes"], one["pixels"]) for one in said] == [("ground", None), (None, None), ("bright", None)]


def test_the_model_keeps_the_mirror_pairs_and_is_validated_by_them(toy: MakeRecipe, tmp_path: Path) -> None:
    pairs = [["dark", "bright"]]
    recipe = toy(data__classes={"mirror": pairs}, protocol__flip=True, training__iterations=1)
    out = train(recipe, tmp_path / "run")
    assert not (out / "class_changes.json").exists()  # no class is called otherwise
    assert json.loads((out / "model" / "labels.json").read_text())["mirror"] == pairs
    model = load_model(out / "model")
    assert model.network.mirror_image == (0, 2, 1) and model.config.data.classes.mirror == (("dark", "bright"),)
    said = json.loads((out / "metrics.jsonl").read_text().splitlines()[-1])
    found = evaluate_model(out / "model", data=recipe.data.root, split="val", engine="torch", precision="float32")
    assert found.figures["mean_iou"] == pytest.approx(said["mean_iou"], abs=1e-3)
    labels = out / "model" / "labels.json"
    labels.write_text(json.dumps({key: one for key, one in json.loads(labels.read_text()).items() if key != "mirror"}))
    assert load_model(out / "model").network.mirror_image == ()


def test_the_model_keeps_the_colours_and_a_training_goes_on_with_others(toy: MakeRecipe, tmp_path: Path) -> None:
    def colored(color: list[int] | str) -> Recipe:
        return toy(data__classes={"colors": {"dark": color}}, **ONCE)

    recipe = colored("#008c00")
    out = train(recipe, tmp_path / "run")
    assert not (out / "class_changes.json").exists()  # no class is called otherwise
    model = load_model(out / "model")
    assert model.labels.colors[1] == (0, 140, 0) and model.config.data.classes.colors == {"dark": (0, 140, 0)}
    found = evaluate_model(out, data=recipe.data.root, split="val", engine="torch", precision="float32")
    assert found.labels.colors == model.labels.colors
    train(colored([1, 2, 3]), out, resume=True)
    other = toy(init__model=str(out), data__classes={"colors": {"dark": [4, 5, 6]}}, **ONCE)
    started = prepare(other, None, "auto").started
    assert started is not None
    (matches,) = started.account.classes.values()
    assert [one.source for one in matches] == ["ground", "dark", "bright"]


def test_all_unknown_classes_of_a_start_are_named(toy: MakeRecipe, run: Path) -> None:
    for given, says in (
        ({"brigth": "bright", "grond": "floor"}, r"'brigth', 'grond', but the data has no such classes; did you mean"),
        ({"bright": "brigth", "dark": "flor"}, r"'brigth', 'flor', but the model has no such classes; did you mean"),
        ({"zzz": None, "dark": "floor"}, r"names 'zzz', but the data has no such class; there are"),
    ):
        with pytest.raises(UserError, match=says):
            prepare(toy(init__model=str(run), init__classes=given, **ONCE), None, "auto")
