"""A training that starts from another library's checkpoint says how it was read, and which files it is."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sceneparse.errors import UserError
from sceneparse.settings import Recipe, Temperatures
from sceneparse.training.init.source import open_source
from sceneparse.training.prepare import prepare
from sceneparse.weights.calibrated import keep_temperatures
from sceneparse.weights.conversions import fingerprint_of
from sceneparse.weights.finding import find_model
from tests.support.lextal import PSPNet
from tests.support.smp_folder import write_smp_folder

MakeRecipe = Callable[..., Recipe]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCENEPARSE_CACHE", str(tmp_path / "cache"))


def start_from(toy: MakeRecipe, folder: Path, **beside: Any) -> Recipe:
    """A recipe that starts from a file of weights with this beside them."""
    state = PSPNet("squeezenet", 4, 512, 256).published_state()
    torch.save({"state_dict": state, **beside}, folder / "theirs.pth")
    return toy(
        backbone__name="squeezenet1_1_stride8",
        network__architecture="pspnet_multilabel",
        network__output_stride=8,
        network__channels=1024,
        network__branch="linear",
        init__model=str(folder / "theirs.pth"),
        init__classes={"bright": "class 3"},
    )


def test_how_a_checkpoint_was_read_is_said_and_kept(toy: MakeRecipe, tmp_path: Path) -> None:
    started = prepare(start_from(toy, tmp_path), None, "auto").started
    assert started is not None
    lines = started.lines()
    assert lines[0].startswith("recognised: pspnet-pytorch: pspnet_multilabel on squeezenet")
    assert any(line.startswith("  preprocessing: nothing in the file says it") for line in lines)
    assert (
        f"settings of an import are given to one of its own: sceneparse import {tmp_path}/theirs.pth --out MODEL"
        in lines
    )
    assert tuple(lines[: len(started.imported)]) == started.imported == tuple(started.to_json()["imported"])
    place = next(index for index, line in enumerate(lines) if line.startswith("object classes known to both"))
    assert lines[place + 1].startswith("  the model's names are unknown, so they are only numbered")


def test_a_checkpoint_that_needs_a_setting_is_given_it_by_an_import(toy: MakeRecipe, tmp_path: Path) -> None:
    recipe = start_from(toy, tmp_path, mean=[0.406, 0.456, 0.485], std=[0.225, 0.224, 0.229])
    line = rf"give preprocessing\.mean; settings .* of its own: sceneparse import {tmp_path}/theirs\.pth --out MODEL$"
    with pytest.raises(UserError, match=line):
        prepare(recipe, None, "auto")


def test_temperatures_leave_a_model_what_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(find_model(write_smp_folder(tmp_path / "peer")), folder)
    known = open_source(str(folder), None).sha256
    assert known == fingerprint_of(folder)
    keep_temperatures(folder, Temperatures(object=1.5))
    assert open_source(str(folder), known).sha256 == known
    # Recipes of earlier versions have the hash with the temperatures in it.
    older = fingerprint_of(folder)
    assert older != known and open_source(str(folder), older).sha256 == older
    with pytest.raises(UserError, match=f"its SHA-256 is {known}, but init.sha256 is {'0' * 64}"):
        open_source(str(folder), "0" * 64)


def test_the_hash_of_anothers_folder_is_that_of_the_files_that_are_read(tmp_path: Path) -> None:
    folder = write_smp_folder(tmp_path / "peer")
    known = open_source(str(folder), None).sha256
    older = fingerprint_of(find_model(folder))
    assert open_source(str(folder), older).sha256 == older != known
    (folder / "README.md").write_text("mine")
    assert open_source(str(folder), known).sha256 == known
    # So it is of the file of weights beside which the others lie.
    assert open_source(str(folder / "model.safetensors"), known).what == "checkpoint of smp"
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"activation": None}))
    for path in (folder, folder / "model.safetensors"):
        with pytest.raises(UserError, match="is another model than the recipe names"):
            open_source(str(path), known)
