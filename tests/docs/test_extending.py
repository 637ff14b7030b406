"""The nine changes of docs/extending.md work from recipe to report, in sceneparse itself and from a package of a lab.

All that is used is the page: its snippets, its table of files and tables, its entry points, its recipe and its
commands. In sceneparse itself, that is in a copy of it, each change may touch one new file and its table, and nothing
else. A package needs no installer: a folder of modules and the metadata that an installer would write beside it.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import sceneparse
from sceneparse.errors import UserError
from sceneparse.weights.config import read_config
from tests.support.slow import slow

PAGE = Path(__file__).resolve().parents[2] / "docs" / "extending.md"
PROGRAM = Path(__file__).resolve().parents[1] / "support" / "lab_session.py"
"""What runs the commands. It is run and not imported: where sceneparse comes from must be said before it starts."""

SOURCE = Path(sceneparse.__file__).parent
SHORTER = [
    "--training.iterations=2",
    "--training.batch=2",
    "--training.validate_every=2",
    "--training.log_every=1",
    "--training.precision=float32",
    "--augmentation.crop=[32,32]",
    "--data.workers=0",
]
"""What makes the page's training end at once."""


def blocks(language: str) -> list[str]:
    """The page's code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)


def entry_points() -> dict[str, dict[str, str]]:
    """The entry points of the page's pyproject.toml, by group and name."""
    (text,) = blocks("toml")
    points: dict[str, dict[str, str]] = tomllib.loads(text)["project"]["entry-points"]
    return points


def modules() -> dict[str, str]:
    """The page's files by their name in the lab's package."""
    found = dict(re.findall(r"\A# lab/(\w+)\.py\n(.*)\Z", code, re.S)[0] for code in blocks("py") if "# lab/" in code)
    assert len(found) == 11
    return found


def rows() -> list[tuple[str, str, str, str]]:
    """Of each change the new file, the table's name, the table's file and the group of entry points."""
    found = re.findall(r"^\| \[.*?\| `(.*?)` \| `(\w+)` in `(.*?)` \| `(.*?)` \|$", PAGE.read_text("utf-8"), re.M)
    assert len(found) == 10
    return found


def commands() -> list[list[str]]:
    """The page's commands, the training shortened."""
    (text,) = blocks("bash lab")
    found = [shlex.split(line)[1:] for line in text.splitlines()]
    return [[*words, *SHORTER] if words[0] == "train" else words for words in found] + [["data", "list"]]


def write_package(folder: Path) -> None:
    """The lab's package, as if it were installed in the folder."""
    (folder / "lab").mkdir()
    (folder / "lab" / "__init__.py").write_text('"""The lab\'s additions to sceneparse."""\n')
    for name, code in modules().items():
        (folder / "lab" / f"{name}.py").write_text(code)
    metadata = folder / "lab-0.1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: lab\nVersion: 0.1\n")
    lines = [
        [f"[{group}]", *(f"{name} = {value}" for name, value in points.items()), ""]
        for group, points in entry_points().items()
    ]
    (metadata / "entry_points.txt").write_text("\n".join(line for group in lines for line in group))


def write_tree(folder: Path) -> None:
    """A copy of sceneparse with the nine changes, as a maintainer makes them."""
    root = folder / "sceneparse"
    shutil.copytree(SOURCE, root)
    code = modules()
    for file, table, home, group in rows():
        assert not (root / file).exists()
        module = Path(file).stem
        (root / file).write_text(code.pop(module))
        ((name, value),) = entry_points()[group].items()
        path = f"sceneparse.{file.removesuffix('.py').replace('/', '.')}:{value.partition(':')[2]}"
        text = (root / home).read_text()
        if table == "ARCHITECTURES":  # the declaration stands above the table, and names the network's new home
            declaration = code.pop("architectures").replace(f"lab.{module}", path.partition(":")[0])
            path = f"sceneparse.weights.architectures:{value.partition(':')[2]}"
            text = text.replace(
                f"\n{table}:", f"\n\n{declaration.partition('import Architecture')[2].strip()}\n\n{table}:"
            )
        entry = f'\n        "{name}": "{path}",'
        text, count = re.subn(rf"^{table}\b[^\n]*= Table\([^{{]*{{", rf"\g<0>{entry}", text, count=1, flags=re.M)
        assert count == 1, f"{home} has no table {table} as the page says"
        (root / home).write_text(text)
    assert not code


def write_pictures(folder: Path) -> None:
    """Pictures of fields in the lab's layout."""
    generator = np.random.default_rng(0)
    for split, count in {"train": 4, "val": 2, "test": 2}.items():
        for kind in ("photo", "truth"):
            (folder / split / kind).mkdir(parents=True)
        for index in range(count):
            mask = generator.integers(0, 4, (6, 8), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
            picture = mask[..., None] * 60 + generator.integers(0, 60, (48, 64, 3))
            Image.fromarray(picture.astype(np.uint8)).save(folder / split / "photo" / f"{index}.jpg")
            Image.fromarray(mask).save(folder / split / "truth" / f"{index}.png")


@dataclass(frozen=True)
class Session:
    """What the page's commands did.

    Args:
        folder: Where they ran.
        source: The folder whose sceneparse ran them.
        said: What `tests/support/lab_session.py` wrote.
    """

    folder: Path
    source: Path
    said: dict[str, Any]

    def printed(self, verb: str) -> str:
        """What a command printed; it must have ended well."""
        code, text = next(
            said
            for words, said in zip(commands(), self.said["commands"], strict=True)
            if " ".join(words).startswith(verb)
        )
        assert code == 0, text
        return text

    def text(self, path: str) -> str:
        """A file that they wrote."""
        return (self.folder / path).read_text(encoding="utf-8")

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The evaluation's metrics.json."""
        found: dict[str, Any] = json.loads(self.text("runs/mine/evaluation/metrics.json"))
        return found


@pytest.fixture(scope="module", params=["package", "tree", pytest.param("package by OpenVINO", marks=slow)])
def session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Session:
    home, folder = (tmp_path_factory.mktemp(name) for name in ("home", "here"))
    if request.param != "tree":
        write_package(home)
        paths = [home, SOURCE.parent]
    else:
        write_tree(home)
        paths = [home]
    write_pictures(folder / "field-pictures")
    Image.new("RGB", (64, 48), (90, 120, 60)).save(folder / "photo.png")
    (folder / "mine.yaml").write_text(blocks("yaml lab")[0])
    # Conversion by OpenVINO, which the commands as they are take, takes longer than all else.
    plain = [] if request.param == "package by OpenVINO" else ["--engine", "torch"]
    asked = [[*words, *plain] if words[0] in ("evaluate", "predict") else words for words in commands()]
    (folder / "session.json").write_text(json.dumps({"commands": asked}))
    done = subprocess.run(
        [sys.executable, str(PROGRAM)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths)), "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return Session(folder, paths[-1], json.loads((folder / "said.json").read_text()))


def test_the_tracker_gets_every_figure_and_the_end(session: Session) -> None:
    points = [line.split(",") for line in session.text("runs/mine/points.csv").splitlines()]
    assert {"train/loss", "validation/mean_iou"} <= {name for _, name, _ in points}
    assert points[-1][1:] == ["status", "finished"]


def test_the_changed_sceneparse_runs(session: Session) -> None:
    assert Path(session.said["from"]).parents[1] == session.source


def test_the_kind_of_data_set_is_checked_and_listed(session: Session) -> None:
    assert "weed" in session.printed("data check")
    assert re.search(r"fields +.*Fields from above.*1,200 pictures", session.printed("data list"))


def test_the_recipe_trains_with_the_lab_s_network_loss_and_schedule(session: Session) -> None:
    session.printed("train")
    lines = [json.loads(line) for line in session.text("runs/mine/metrics.jsonl").splitlines()]
    assert any("main_loss" in line and "aux_loss" in line for line in lines)
    assert any("worst_class" in line for line in lines)
    # Each of the two iterations begins a cosine of its own.
    assert [line["lr"] for line in lines if line["kind"] == "train"] == [0.01, 0.01]
    config = json.loads(session.text("runs/mine/model/config.json"))
    assert config["network"]["architecture"] == "skip_fcn"
    assert config["network"]["options"] == {"levels": 2}
    assert config["backbone"]["name"] == "plain"
    assert session.said["poly"] == {
        "0.0": pytest.approx(np.log(4), rel=1e-6),
        "2.0": pytest.approx(np.log(4) + 2 * 0.75, rel=1e-6),
    }


def test_the_metric_stands_in_terminal_json_report_and_card(session: Session) -> None:
    worst = min(one["iou"] for one in session.metrics["classes"] if one["iou"] is not None)
    assert session.metrics["worst_class"] == pytest.approx(worst)
    assert re.search(rf"worst IoU\D*{100 * worst:.2f}", session.printed("evaluate"))
    assert "worst IoU" in session.text("runs/mine/evaluation/report.html")
    assert "IoU of the worst class" in session.text("runs/mine/model/README.md")


def test_the_card_says_what_the_declarations_say(session: Session) -> None:
    card = session.text("runs/mine/model/README.md")
    assert "Fields from above: photographs by a drone" in card
    assert "FCN with skips (plain)" in card
    assert "arxiv.org/abs/1411.4038" in card


def test_the_form_of_output_is_written_beside_the_labels(session: Session) -> None:
    session.printed("predict")
    title, *rows = session.text("parsed/photo_shares.csv").splitlines()
    assert title == "class,share"
    assert sum(float(row.split(",")[1]) for row in rows) == pytest.approx(1, abs=1e-5)
    assert (session.folder / "parsed" / "photo.png").exists()
    assert not list((session.folder / "parsed").glob("*overlay*"))


def test_the_form_of_annotation_is_written_of_all_pictures(session: Session) -> None:
    said = session.printed("predict")
    assert f"tags: {Path('parsed') / 'tags'}" in said
    file, *names = session.text("parsed/tags/tags.txt").rstrip("\n").split("\t")
    assert file == "photo.png" and names
    rows = session.text("parsed/photo_shares.csv").splitlines()[1:]
    assert set(names) == {row.split(",")[0] for row in rows}


def test_a_checkpoint_of_the_family_is_imported_with_the_same_output(session: Session) -> None:
    text = session.printed("import")
    assert "recognised: early: fcn on resnet18, 3 classes" in text
    assert "ResNet-18" in text
    assert session.said["imported is equal"]


def test_help_lists_and_refusals_know_the_new_names(session: Session) -> None:
    assert session.said["inventory"]["architecture"] == "skip_fcn"
    for name in ("fields", "skip_fcn", "poly"):
        assert re.search(rf"\b{name}\b", session.said["help"]), name
    refusals = session.said["refusals"]
    assert "levels is 5, but must be 1 to 4" in refusals["option"]
    assert "network.bins has no effect on skip_fcn" in refusals["unused"]
    assert "loss.class_weights has no effect" in refusals["weights"]
    assert "data.options has no effect" in refusals["data"]


def test_a_model_of_the_lab_s_says_what_is_missing_without_its_package(session: Session) -> None:
    with pytest.raises(UserError, match=r"network\.architecture is 'skip_fcn', but must be one of"):
        read_config(session.folder / "runs" / "mine" / "model" / "config.json")
