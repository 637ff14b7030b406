"""A training that starts from a model: what is taken, what is kept by name, what is new, and going on."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from sceneparse.cli import main
from sceneparse.errors import UserError
from sceneparse.files import write_json
from sceneparse.recipes import to_mapping
from sceneparse.settings import BackboneSettings, NetworkSettings, Recipe
from sceneparse.tasks import Task
from sceneparse.training.loop import train
from sceneparse.training.prepare import Prepared, prepare
from sceneparse.weights.model import load_model, save_model
from sceneparse.weights.run_folder import run_facts
from tests.support.lextal import PSPNet
from tests.training.test_resume import kill_after, metrics

MakeRecipe = Callable[..., Recipe]


@pytest.fixture(scope="module")
def model(toy: MakeRecipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder whose model knows ground, dark and bright."""
    return train(toy(training__iterations=1, training__validate_count=1), tmp_path_factory.mktemp("model") / "run")


@pytest.fixture(scope="module")
def other(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same pictures with other classes: bright, the ground under two names, and one that the model lacks."""
    root = tmp_path_factory.mktemp("other") / "data"
    shutil.copytree(data, root)
    write_json(root / "classes.json", {"names": ["bright", "floor;Ground", "night", "cloud"], "ignore": 255})
    return root


def begun(recipe: Recipe) -> Prepared:
    return prepare(recipe, None, "auto")


def from_model(toy: MakeRecipe, model: Path, other: Path, **changes: object) -> Recipe:
    return toy(**{"data__root": str(other), "init__model": str(model), **changes})


def test_rows_of_classes_that_both_know_are_kept_and_the_rest_of_the_network_is_the_models(
    toy: MakeRecipe, model: Path, other: Path
) -> None:
    source = load_model(model / "model").network.state_dict()
    prepared = begun(from_model(toy, model, other, init__classes={"night": "dark"}))
    found = prepared.learner.network.state_dict()
    fresh = begun(toy(data__root=str(other))).learner.network.state_dict()
    for name, value in found.items():
        if "classifier" not in name:
            assert torch.equal(value, source[name]), name
            continue
        for row, old in enumerate((2, 0, 1)):
            assert torch.equal(value[row], source[name][old]), name
        # What is new is drawn as it is without a start.
        assert torch.equal(value[3], fresh[name][3]), name
    assert prepared.started is not None
    said = prepared.started.to_json()
    assert [(one["source"], one["how"]) for one in said["classes"]["object"]] == [
        ("bright", "name"),
        ("ground", "alternative"),
        ("dark", "map"),
        (None, "no class of this name"),
    ]
    assert sorted(said["made_new"]) == sorted(name for name in found if "classifier" in name)
    assert said["tensors"]["dropped"] == {} and said["components"]["head"]["kept"] == 3 * (8 + 1)


def test_what_is_said_of_a_start_fits_eighty_columns(toy: MakeRecipe, model: Path, other: Path) -> None:
    started = begun(from_model(toy, model, other, network__architecture="upernet")).started
    assert started is not None
    long = [f"facade of a building, kind {number}" for number in range(30)]
    match = started.account.classes[Task.OBJECT][0]
    account = replace(started.account, classes={Task.OBJECT: [replace(match, name=name) for name in long]})
    started = replace(started, account=replace(account, left={Task.OBJECT: long}), settings=())
    console = Console(width=80, file=StringIO())
    console.print(started.table())
    assert isinstance(console.file, StringIO)
    table = console.file.getvalue().splitlines()
    assert len(table) == 4 + len(started.components())  # so that no cell is broken
    lines = started.lines()
    names = [line for line in lines if not line.startswith("network.")]  # settings are sentences, which terminals fold
    assert [line for line in names if len(line) > 80] == []
    assert "facade of a building, kind 3," in "\n".join(lines)
    assert any(line.startswith("head: the architecture is upernet here, fcn in the model") for line in lines)


def test_another_architecture_takes_the_backbone_and_the_auxiliary_head(
    toy: MakeRecipe, model: Path, other: Path
) -> None:
    recipe = from_model(toy, model, other, network__architecture="upernet")
    started = begun(recipe).started
    assert started is not None
    components = started.components()
    assert components["backbone"].new == components["aux_head"].dropped == 0 < components["backbone"].taken
    assert components["aux_head"].kept > 0 == components["head"].taken + components["head"].kept
    assert "the architecture is upernet here, fcn in the model" in components["head"].why


def test_a_start_that_takes_nothing_is_refused_in_a_line(
    toy: MakeRecipe, model: Path, other: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = from_model(toy, model, other, backbone__name="resnet14t")
    words = ["--data.kind=folder", f"--data.root={other}", f"--init={model}", "--backbone.name=resnet14t"]
    assert main(["train", "pspnet-resnet50", *words, f"--out={tmp_path / 'run'}"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert (
        len(said) == 1
        and "nothing of it fits: it is fcn on test_resnet, but the recipe has pspnet on resnet14t" in said[0]
    )
    with pytest.raises(UserError, match=r"set backbone\.name to test_resnet, or take all of its settings with"):
        begun(recipe)
    recipe = from_model(toy, model, other, backbone__name="resnet14t", init__adopt="all")
    with pytest.raises(UserError, match=r"set backbone\.name to test_resnet, or leave it out of the recipe"):
        begun(recipe)
    assert main(["train", "pspnet-resnet50", *words, "--init.model=x", f"--out={tmp_path / 'run'}"]) == 2
    assert "--init and --init.model say the same" in capsys.readouterr().err


def changed(model: Path, out: Path, **settings: Any) -> Path:
    """The model with other settings, which its weights don't show."""
    found = load_model(model / "model")
    groups: Any = {group: replace(getattr(found.config, group), **values) for group, values in settings.items()}
    save_model(out, replace(found, config=replace(found.config, **groups)), "")
    return out


def test_settings_that_no_shape_shows_are_the_models_unless_the_recipe_says_otherwise(
    toy: MakeRecipe, model: Path, other: Path, tmp_path: Path
) -> None:
    start = changed(
        model, tmp_path / "m", network={"align_corners": True, "dropout": 0.5}, preprocessing={"mean": (0.5, 0.5, 0.5)}
    )
    prepared = begun(from_model(toy, start, other))
    assert prepared.recipe.network.align_corners and prepared.learner.network.align_corners
    assert prepared.recipe.preprocessing.mean == (0.5, 0.5, 0.5)
    assert prepared.recipe.network.dropout == 0.2  # matters in training alone
    assert prepared.started is not None
    adopted = {one.setting: one.adopted for one in prepared.started.settings}
    assert adopted == {"network.align_corners": True, "network.dropout": False, "preprocessing.mean": True}
    assert any("align_corners: the recipe has False, the model True" in line for line in prepared.started.lines())
    kept = begun(from_model(toy, start, other, init__adopt="none", preprocessing__mean=[0.4, 0.4, 0.4]))
    assert not kept.recipe.network.align_corners and kept.recipe.preprocessing.mean == (0.4, 0.4, 0.4)
    assert kept.started is not None and not any(one.adopted for one in kept.started.settings)


def test_all_settings_can_be_the_models(toy: MakeRecipe, model: Path, other: Path) -> None:
    mapping = to_mapping(toy())
    recipe = from_model(toy, model, other, init__adopt="all")
    recipe = replace(recipe, backbone=BackboneSettings(), network=NetworkSettings())
    prepared = begun(recipe)
    for group in ("backbone", "network"):
        found = to_mapping(prepared.recipe)[group]
        assert {name for name, value in found.items() if value != mapping[group][name]} <= {"padding"}
    assert prepared.started is not None and prepared.started.components()["head"].taken > 0


def test_a_killed_start_goes_on_to_the_same_bytes_without_its_model(
    toy: MakeRecipe, model: Path, other: Path, tmp_path: Path
) -> None:
    """Rates that differ by depth and by what is new, a frozen stage, and a setting that was taken over."""
    start = changed(model, tmp_path / "start", network={"align_corners": True})
    recipe = from_model(
        toy,
        start,
        other,
        backbone__frozen=1,
        optimizer__layer_decay=0.7,
        optimizer__new_factor=3.0,
        training__iterations=12,
        training__checkpoint_every=2,
        training__validate_every=6,
        training__validate_count=1,
    )
    whole = train(recipe, tmp_path / "whole")
    run = tmp_path / "killed" / "run"
    run.parent.mkdir()
    kill_after(recipe, run, 4, 0.0)
    assert run_facts(run)["status"] == "running", "the training was over before it could be killed"
    assert list((run / "checkpoints").glob("last-*.pt"))
    shutil.rmtree(start)
    began = json.loads((run / "init.json").read_text())
    train(recipe, run, resume=True)
    assert metrics(run) == metrics(whole)
    for name in ("model.safetensors", "config.json"):
        assert (run / "model" / name).read_bytes() == (whole / "model" / name).read_bytes()
    config = json.loads((run / "model" / "config.json").read_text())
    assert config["backbone"]["frozen"] == "none" and config["network"]["align_corners"]
    text = (run / "recipe.yaml").read_text()
    assert began["sha256"] in text and str(start) in text
    assert began == json.loads((whole / "init.json").read_text())
    with pytest.raises(UserError, match=r"optimizer\.new_factor is 1\.0 but was 3\.0"):
        train(replace(recipe, optimizer=replace(recipe.optimizer, new_factor=1.0)), run, resume=True)
    (run / "init.json").unlink()
    with pytest.raises(UserError, match=r"init\.json: cannot be read"):
        train(recipe, run, resume=True)


def test_what_is_new_learns_at_its_own_rate(toy: MakeRecipe, model: Path, other: Path) -> None:
    prepared = begun(from_model(toy, model, other, optimizer__new_factor=5.0))
    names = {id(one): name for name, one in prepared.learner.network.named_parameters()}
    for group in prepared.learner.optimizer.param_groups:
        for parameter in group["params"]:
            name = names[id(parameter)]
            usual = 1.0 if name.startswith("backbone.") else 2.0
            assert group["factor"] == (5 * usual if "classifier" in name else usual), name


def test_a_factor_for_new_layers_is_refused_where_none_is_new(toy: MakeRecipe, model: Path) -> None:
    with pytest.raises(UserError, match=r"optimizer\.new_factor has no effect: init\.model fills every parameter"):
        begun(toy(init__model=str(model), optimizer__new_factor=5.0))


def test_the_start_must_be_the_model_that_the_recipe_names(
    toy: MakeRecipe, model: Path, other: Path, tmp_path: Path
) -> None:
    prepared = begun(from_model(toy, model, other))
    known = prepared.recipe.init.sha256
    assert known is not None and begun(prepared.recipe).recipe.init.sha256 == known
    with pytest.raises(UserError, match=r"is another model than the recipe names: its SHA-256 is"):
        begun(from_model(toy, model, other, init__sha256="0" * 64))
    shutil.copytree(model, tmp_path / "unfinished", ignore=shutil.ignore_patterns("model", "checkpoints"))
    with pytest.raises(UserError, match="neither a model nor a checkpoint yet"):
        begun(from_model(toy, tmp_path / "unfinished", other))


def test_a_map_of_classes_may_be_a_file(toy: MakeRecipe, model: Path, other: Path, tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text("night: dark\nbright: null\n")
    started = begun(from_model(toy, model, other, init__classes_file=str(tmp_path / "map.yaml"))).started
    assert started is not None
    assert [one.source for matches in started.account.classes.values() for one in matches] == [
        None,
        "ground",
        "dark",
        None,
    ]
    with pytest.raises(UserError, match="the data has no such class; did you mean 'night'"):
        begun(from_model(toy, model, other, init__classes={"nigth": "dark"}))
    (tmp_path / "map.yaml").write_text("- night\n")
    with pytest.raises(UserError, match="must map names of classes to the model's"):
        begun(from_model(toy, model, other, init__classes_file=str(tmp_path / "map.yaml")))


def test_a_checkpoint_of_others_is_a_start(toy: MakeRecipe, other: Path, tmp_path: Path) -> None:
    theirs = PSPNet("squeezenet", 4, 512, 256)
    torch.save(theirs.published_state(), tmp_path / "theirs.pth")
    recipe = toy(
        data__root=str(other),
        backbone__name="squeezenet1_1_stride8",
        network__architecture="pspnet_multilabel",
        network__output_stride=8,
        network__channels=1024,
        network__branch="linear",
        init__model=str(tmp_path / "theirs.pth"),
        init__classes={"bright": "class 3"},
    )
    prepared = begun(recipe)
    assert prepared.started is not None and prepared.started.source["what"].startswith("checkpoint of ")
    found = prepared.learner.network.state_dict()["classifier.weight"]
    assert torch.equal(found[0], theirs.final.weight[3])
    # Its code aligns corners, which no shape shows.
    assert prepared.recipe.network.align_corners


def test_the_init_of_a_command_line_drops_the_weights_of_the_recipe_below(
    model: Path, other: Path, tmp_path: Path
) -> None:
    """The recipe's weights are timm's from the hub, which the model stands in for."""
    (tmp_path / "r.yaml").write_text(
        f"backbone: {{name: test_resnet, weights: hub}}\n"
        f"network: {{architecture: fcn, channels: 8, output_stride: 32}}\n"
        f"data: {{root: '{other}', workers: 0}}\naugmentation: {{crop: [32, 32]}}\n"
        "training: {iterations: 1, batch: 2, validate_count: 1, precision: float32}\n"
    )
    assert main(["train", str(tmp_path / "r.yaml"), "--init", str(model), "--out", str(tmp_path / "run")]) == 0
    assert json.loads((tmp_path / "run" / "init.json").read_text())["what"] == "run folder"
