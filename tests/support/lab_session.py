"""What a reader of docs/extending.md does: the page's commands, and some looks at what they left. Run as a program.

It reads `session.json` in the current folder (`commands`: arguments of `sceneparse`, a list each), and writes
`said.json`: for each command its exit code and what it printed, and what the looks saw, by name.
"""

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import sceneparse
from sceneparse.cli import main
from sceneparse.cli.settings import given_settings
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE
from sceneparse.recipes import read_recipe, settings_help
from sceneparse.settings import BackboneSettings, NetworkSettings, Recipe
from sceneparse.training.losses.kind import LossContext
from sceneparse.training.losses.table import LOSSES
from sceneparse.weights.build import build
from sceneparse.weights.inventory import measure
from sceneparse.weights.model import load_model


def write_checkpoint(path: Path) -> Tensor:
    """Write a checkpoint of the lab's first code; the logits of its network for a picture of zeros."""
    network = build(
        BackboneSettings("resnet18", dilation="half"), NetworkSettings(architecture="fcn", channels=8, aux=False), 3
    ).eval()
    theirs = (
        ("backbone.body.", "encoder."),
        ("head.layer.conv.", "score.0."),
        ("head.layer.norm.", "score.1."),
        ("head.classifier.", "score.3."),
    )
    state = {}
    for name, value in network.state_dict().items():
        ours, other = next(pair for pair in theirs if name.startswith(pair[0]))
        state[other + name.removeprefix(ours)] = value
    torch.save(state, path)
    with torch.no_grad():
        return network(torch.zeros(1, 3, 64, 64)).logits


def run(arguments: list[str]) -> tuple[int, str]:
    """The exit code of a command, and what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = main(arguments)
    return code, printed.getvalue()


def refusal(*overrides: str) -> str:
    """What is said of the page's recipe with these settings."""
    try:
        read_recipe("mine.yaml", **given_settings(Recipe, overrides))
    except UserError as error:
        return str(error)
    return "it is accepted"


def poly(epsilon: float) -> float:
    """The lab's loss where four classes are equally probable at every pixel, half of which count."""
    target = torch.zeros(1, 8, 8, dtype=torch.int16)
    target[:, :4] = IGNORE
    loss = LOSSES["poly"].build(read_recipe("mine.yaml", loss={"options": {"epsilon": epsilon}}).loss)
    return loss(torch.zeros(1, 4, 2, 2), target, LossContext(align_corners=False)).item()


def session() -> dict[str, Any]:
    """Everything that is done, in its order."""
    logits = write_checkpoint(Path("early.pth"))
    said: dict[str, Any] = {"from": sceneparse.__file__}
    said["commands"] = [run(arguments) for arguments in json.loads(Path("session.json").read_text())["commands"]]
    with torch.no_grad():
        imported = load_model("models/early").network(torch.zeros(1, 3, 64, 64)).logits
    return said | {
        "imported is equal": torch.equal(imported, logits),
        "help": settings_help(["data", "network", "loss"]),
        "inventory": measure("skip_fcn", "resnet18").to_json(),
        "poly": {epsilon: poly(epsilon) for epsilon in (0.0, 2.0)},
        "refusals": {
            "option": refusal("--network.options={levels: 5}"),
            "unused": refusal("--network.bins=[1,2]"),
            "weights": refusal("--loss.class_weights=median"),
            "data": refusal("--data.options={count: 3}"),
        },
    }


if __name__ == "__main__":
    Path("said.json").write_text(json.dumps(session()))
