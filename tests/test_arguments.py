"""Arguments are called what the reader of a message calls them, and wrong values of them are refused in a line."""

import ast
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import sceneparse
from sceneparse import arguments
from sceneparse.arguments import argument, on_command_line, shown, together, yaml_list
from sceneparse.cli import main
from sceneparse.cli.settings import given_settings
from sceneparse.errors import UserError
from sceneparse.recipes.yaml_text import load_yaml
from sceneparse.settings import Recipe

SOURCE = Path(sceneparse.__file__).parent


@pytest.mark.parametrize(
    ("given", "python", "command"),
    [
        (("ignore_below",), "ignore_below", "--ignore-below"),
        (("device", "cpu"), "device='cpu'", "--device cpu"),
        (("bands", [1, 2]), "bands=[1, 2]", "--bands 1 2"),
        (("data.root", "DIR"), "data={'root': 'DIR'}", "--data.root DIR"),
        (("augmentation.crop", [473, 473]), "augmentation={'crop': [473, 473]}", '--augmentation.crop "[473,473]"'),
        (("bands", ["a b", "c"]), "bands=['a b', 'c']", "--bands 'a b' c"),
        (("data.root", "it's here"), "data={'root': \"it's here\"}", '--data.root "it\'s here"'),
        (("data.train", "all[:8]"), "data={'train': 'all[:8]'}", "--data.train 'all[:8]'"),
        (("split", "a&b"), "split='a&b'", "--split 'a&b'"),
        (("split", "it's $1"), 'split="it\'s $1"', "--split 'it'\"'\"'s $1'"),
        (
            ("data.classes.rename", {"a": "b"}),
            "data={'classes': {'rename': {'a': 'b'}}}",
            '--data.classes.rename \'{"a": "b"}\'',
        ),
    ],
)
def test_an_argument_is_a_keyword_in_python_and_an_option_on_the_command_line(
    given: tuple[Any, ...], python: str, command: str
) -> None:
    assert argument(*given) == python
    with on_command_line():
        assert argument(*given) == command
    assert argument(*given) == python


def test_settings_of_one_group_are_one_keyword_in_python_and_can_be_pasted() -> None:
    values = {"data.root": "a", "out": "b", "data.options.bands": [1, 2], "data.train": "all[8:]"}
    text = together(values, options={"out": "-o b"}, between=" and ")
    assert text == "data={'root': 'a', 'options': {'bands': [1, 2]}, 'train': 'all[8:]'}, out='b'"
    call = ast.parse(f"train({text})", mode="eval").body
    assert isinstance(call, ast.Call) and [one.arg for one in call.keywords] == ["data", "out"]
    with on_command_line():
        assert together(values, options={"out": "-o b"}, between=" and ") == (
            "--data.root a and -o b and --data.options.bands \"[1,2]\" and --data.train 'all[8:]'"
        )


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    "names",
    [
        ["sky", "traffic light"],
        ["a, b", "c: d", "it's", 'a "b"', "$HOME `ls`", "a\\b"],
        ["no", "12", "1e3", "null", "-x", "#f", "", "[a]", "{b", "*c", "&d", " e", "f "],
        ["Straße", "道路"],
    ],
)
def test_a_list_that_a_message_gives_is_read_as_that_list_when_it_is_pasted(names: list[str]) -> None:
    with on_command_line():
        text = argument("data.classes.drop", names)
    typed = subprocess.run(["bash", "-c", f"printf '%s\\0' {text}"], check=True, capture_output=True, text=True).stdout
    assert given_settings(Recipe, typed.split("\0")[:-1]) == {"data": {"classes": {"drop": names}}}
    assert load_yaml(yaml_list(names)) == names
    assert yaml_list([[0, 4095], [0.5, None]]) == "[[0, 4095], [0.5, null]]"


@pytest.mark.parametrize("setting", ["data.classes.drop", "network.bins", "augmentation.crop", "data.nifti.modalities"])
@pytest.mark.parametrize("given", ["7", "7,9", "[7,9", "sky", "sky,road"])
def test_the_example_beside_a_list_that_was_refused_is_taken(setting: str, given: str) -> None:
    with on_command_line(), pytest.raises(UserError) as caught:
        given_settings(Recipe, [f"--{setting}", given])
    _, example, words = str(caught.value).partition(", such as ")
    number = setting in ("network.bins", "augmentation.crop")
    assert bool(example) == (not number or given[-1] in "79")
    if example:
        group, _, name = setting.rpartition(".")
        read: Any = given_settings(Recipe, shlex.split(words.partition("; names such as")[0]))
        for part in group.split("."):
            read = read[part]
        assert isinstance(read[name], list) and len(read[name]) in (1, 2)


def test_a_command_that_ends_leaves_another_one_its_words() -> None:
    first, second = on_command_line(), on_command_line()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert argument("device") == "--device"
    second.__exit__(None, None, None)
    assert argument("device") == "device"


def test_an_option_may_have_another_name() -> None:
    assert argument("overlay", False, option="--no-overlay") == "overlay=False"
    with on_command_line():
        assert argument("overlay", False, option="--no-overlay") == "--no-overlay"


def test_one_mistake_is_said_in_the_words_of_whoever_made_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "model", "x.jpg", "--out", "parsed", "--ignore-below", "7"]) == 2
    assert "--ignore-below is 7, but must be a probability" in capsys.readouterr().err
    with pytest.raises(UserError, match=r"^ignore_below is 7, but must be a probability"):
        arguments.check_probability("ignore_below", 7)


def test_the_command_line_leaves_python_its_words_when_a_command_fails() -> None:
    assert main(["no-such-command"]) == 2
    assert argument("device") == "device"


def test_what_is_long_or_an_array_is_shown_in_a_few_words() -> None:
    assert shown(np.zeros((2, 3))) == "an array of float64, shape (2, 3)"
    assert shown(torch.zeros(2, dtype=torch.uint8)) == "a tensor of uint8, shape (2,)"
    assert (shown(np.float64(2)), shown(np.int16(3)), shown(np.str_("a"))) == ("2.0", "3", "'a'")
    assert "np.True_" in shown(np.bool_(True)) and shown(np.array(2)).startswith("an array")
    assert len(shown("x" * 500)) < 70 and len(shown(list(range(500)))) < 70 and "\n" not in shown("a\nb" * 9)


@pytest.mark.parametrize("value", [True, "1", None, float("nan"), 3.5, 0, np.zeros(3)])
def test_what_is_no_whole_number_within_its_bounds_is_refused(value: Any) -> None:
    with pytest.raises(UserError, match=r"^k is .*, but must be a whole number from 1 to 3$"):
        arguments.check_number("k", value, least=1, most=3, whole=True)
    for fits in (1, 3, np.int64(2)):
        arguments.check_number("k", fits, least=1, most=3, whole=True)


COMMANDS_ALONE = (
    "cli/",
    "serving/",
    "processes/",
    "training/demo.py",
    "training/sweeping/",
    "recipes/sweep.py",
    "weights/importing/",
    "weights/published/listing.py",
    "datasets/getting/listing.py",
    "diagnosing/steps.py",
)
"""What runs for a command alone, or names commands on purpose."""

OTHER_PROGRAMS = re.compile(
    r"sceneparse [a-z]|data export --as|predict --as|pip install|srun|SLURM|Datumaro|var\(--|^\s*:root|ROOT"
    r"|it is first used|on the command line|style=\"--"
)
"""Texts that name a command of ours or another program's option, for whoever reads them."""


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    """The texts of a module with their lines, but for docstrings and what is given as an `option`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    aside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            aside.add(id(node.value))
        if isinstance(node, ast.keyword) and node.arg in ("option", "options"):
            aside.update(map(id, ast.walk(node.value)))
        if isinstance(node, ast.Assign) and [getattr(one, "id", "") for one in node.targets] == ["option"]:
            aside.update(map(id, ast.walk(node.value)))
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and id(node) not in aside:
            parts = [one for one in node.values if isinstance(one, ast.Constant)]
            inside.update(map(id, parts))
            yield node.lineno, "…".join(str(one.value) for one in parts if id(one) not in aside)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and not {id(node)} & (aside | inside):
            yield node.lineno, node.value


def test_messages_that_both_may_read_name_no_options_of_their_own() -> None:
    found = [
        f"{path.relative_to(SOURCE)}:{line}: {text}"
        for path in sorted(SOURCE.rglob("*.py"))
        if not path.relative_to(SOURCE).as_posix().startswith(COMMANDS_ALONE)
        for line, text in _texts(path)
        if re.search(r"(?<![\w-])--[a-z]", text) and not OTHER_PROGRAMS.search(text)
    ]
    assert len(list(_texts(SOURCE / "cli" / "predict_checks.py"))) > 20  # it does find texts
    assert not found, "name these by sceneparse.arguments.argument: " + "\n".join(found)
