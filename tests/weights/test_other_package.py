"""An architecture that another package brings along: its name works from the recipe to the model card."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sceneparse.cli.settings import given_settings
from sceneparse.recipes import read_recipe
from sceneparse.settings import Recipe
from sceneparse.training.loop import train
from sceneparse.weights.architectures import ARCHITECTURES
from sceneparse.weights.inventory import measure
from sceneparse.weights.model import load_model
from tests.support.outside import install, write

NETWORK = '''
from torch import nn

from sceneparse.networks import SceneParser


class Lab(SceneParser):
    """Some convolutions and a classifier on stage 4."""

    def __init__(self, backbone, num_classes, *, channels, dropout, align_corners, aux, aux_channels, depth):
        super().__init__(
            backbone, num_classes, aux=aux, aux_channels=aux_channels, dropout=dropout, align_corners=align_corners
        )
        widths = [backbone.channels[3], *[channels] * depth]
        layers = [nn.Conv2d(before, after, 3, padding=1) for before, after in zip(widths, widths[1:])]
        self.head = nn.Sequential(*layers, nn.Conv2d(widths[-1], num_classes, 1))

    def decode(self, features):
        return self.head(features[3])
'''

DECLARATION = '''
from dataclasses import dataclass

from sceneparse.weights.architectures import Architecture


@dataclass(frozen=True)
class Options:
    """Settings of the head.

    Args:
        depth: Number of 3×3 convolutions.
    """

    depth: int = 1


LAB = Architecture(
    network="lab_network:Lab",
    title="The lab's network",
    takes=("channels", "dropout", "align_corners"),
    strides=(16, 32),
    options=Options,
    backbones=("resnet10t",),
)
'''

SCRIPT = """
import sys

from sceneparse.cli.settings import given_settings
from sceneparse.errors import UserError
from sceneparse.recipes import read_recipe
from sceneparse.settings import Recipe

SETTINGS = ["--network.architecture=lab", "--backbone.name=resnet10t", "--backbone.dilation=first"]


def read(*arguments):
    return read_recipe("toy-fcn", **given_settings(Recipe, [*SETTINGS, *arguments]))


def refused(*overrides):
    try:
        read("--network.output_stride=null", *overrides)
    except UserError as error:
        return str(error)


assert "network.output_stride is 8, but lab takes 16 and 32 only" in refused("--network.output_stride=8")
assert "network.pool has no effect on lab, which uses output_stride, channels, aux" in refused("--network.pool=max")
assert "network.options: unknown setting 'depht'; did you mean 'depth'?" in refused("--network.options.depht=2")
assert "network.options: depth is 'deep', but must be a whole number" in refused("--network.options.depth=deep")
assert "torch" not in sys.modules
"""

SETTINGS = ["--network.architecture=lab", "--backbone.name=resnet10t", "--backbone.dilation=first"]
SMALL = [
    *SETTINGS,
    *("--training.iterations=1", "--training.batch=2", "--training.validate_count=1", "--training.device=cpu"),
    *("--data.toyworld.train_count=2", "--data.toyworld.size=64", "--data.workers=0"),
    *("--network.channels=8", "--network.output_stride=null", "--network.options.depth=3"),
    "--augmentation.crop=[64,64]",
]
PACKAGE = "lab_declaration"


def test_its_name_works_in_a_recipe_for_which_nothing_heavy_is_imported(tmp_path: Path) -> None:
    write(tmp_path, package=PACKAGE, group="architectures", entries={"lab": "LAB"}, code=DECLARATION)
    (tmp_path / "lab_network.py").write_text(NETWORK)
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    words = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(words, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_its_name_works_in_training_model_folder_and_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "site"
    entries = {"lab": "LAB"}
    install(folder, monkeypatch, package=PACKAGE, group="architectures", entries=entries, code=DECLARATION)
    (folder / "lab_network.py").write_text(NETWORK)
    given: Any = given_settings(Recipe, SMALL)
    recipe = read_recipe("toy-fcn", **given)
    assert recipe.network.output_stride == 16
    run = train(recipe, tmp_path / "run")
    model = load_model(run / "model")
    network: Any = model.network
    assert model.config.network.options == {"depth": 3} and len(network.head) == 4
    assert "lab" in list(ARCHITECTURES) and measure("lab", "resnet10t").output_stride == 16
    card = (run / "model" / "README.md").read_text()
    assert "The lab's network (resnet10t)" in card and "arxiv" not in card
