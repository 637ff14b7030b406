"""Settings on the command line: text to typed values, and what is said of text that is none."""

from pathlib import Path
from typing import Any

import pytest

from sceneparse.arguments import on_command_line
from sceneparse.cli import COMMANDS, main, parser_of
from sceneparse.cli.settings import given_settings, parted
from sceneparse.errors import UserError
from sceneparse.recipes.hints import ELSEWHERE, MEANT, called_elsewhere
from sceneparse.recipes.known import dotted_settings
from sceneparse.settings import Recipe


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (["--network.bins", "[1,2]"], {"network": {"bins": [1, 2]}}),
        (["--network.bins=[4]"], {"network": {"bins": [4]}}),
        (["--network.reduce", "false"], {"network": {"reduce": False}}),
        (["--network.dropout", "1e-1"], {"network": {"dropout": 0.1}}),
        (["--network.channels", "3", "--network.channels", "5"], {"network": {"channels": 5}}),
        (["--augmentation.crop", "null"], {"augmentation": {"crop": None}}),
        (["--backbone.weights=a=b"], {"backbone": {"weights": "a=b"}}),
        (["--name", "2024"], {"name": "2024"}),
        (["--optimizer.weight_decay=-1"], {"optimizer": {"weight_decay": -1.0}}),
        (["--network.options.depth", "3"], {"network": {"options": {"depth": 3}}}),
        (["--data.toyworld", "{size: 64}"], {"data": {"toyworld": {"size": 64}}}),
        (["--data.sources", "[{kind: dtd, root: x}]"], {"data": {"sources": [{"kind": "dtd", "root": "x"}]}}),
        (["--data", "{size: 64}"], {"data": {"toyworld": {"size": 64}}}),
        (["--data={size: 64}"], {"data": {"toyworld": {"size": 64}}}),
        ([], {}),
    ],
)
def test_what_is_given_is_read_by_its_type_and_nothing_else_is_there(arguments: list[str], given: Any) -> None:
    assert given_settings(Recipe, arguments) == given


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--training.iteration", "7"], "unknown setting '--training.iteration'; did you mean '--training.iterations'"),
        (["--lr=7"], "unknown setting '--lr'; did you mean '--optimizer.lr'?"),
        (
            ["--epochs", "20"],
            "'--epochs'; a training's length is counted in '--training.iterations', or given",
        ),
        (["--training.epochs", "20"], "'--training.epochs'; a training's length is counted in '--training.iterations'"),
        (["--imgsz=640"], "'--imgsz'; a training learns from crops of the size '--augmentation.crop'; pictures are"),
        (["--batch-size", "8"], "unknown setting '--batch-size'; did you mean '--training.batch'?"),
        (["--data.batch_size", "8"], "unknown setting '--data.batch_size'; did you mean '--training.batch'?"),
        (["--learning_rate", "1"], "unknown setting '--learning_rate'; did you mean '--optimizer.lr'?"),
        (["--project", "x"], "unknown setting '--project'; did you mean '--network.project' or '--tracking.project'?"),
        (["--backbone", "resnet18"], "but it is a group: give its settings, such as --backbone.name resnet18"),
        (["--data", "../a b"], "data is '../a b', but it is a group: give its settings, such as --data.root '../a b'"),
        (["--data", "ade20k"], "data is 'ade20k', but it is a group: give its settings, such as --data.kind ade20k"),
        (["--network=upernet"], "but it is a group: give its settings, such as --network.architecture upernet"),
        (["--training.iterations", "x"], "training.iterations is 'x', but must be a whole number"),
        (["--training.iterations"], "--training.iterations has no value: it must be a whole number"),
        (["--network.dropout", "null"], "network.dropout is null, but must be a number"),
        (["--protocol.flip", "perhaps"], "protocol.flip is 'perhaps', but must be true or false or null"),
        (["--network.bins", "3"], "network.bins is '3', but must be a list of whole numbers"),
        (["--data.toyworld", "3"], "data.toyworld is '3', but it is a group: give its settings, such as"),
        (["--network={chanels: 3}"], "unknown setting '--network.chanels'; did you mean '--network.channels'?"),
        (["--data={toyworld: 3}"], "data.toyworld is 3, but it is a group: give its settings below it"),
        (["--data.toyworld.size.x=3"], "unknown setting '--data.toyworld.size.x': --data.toyworld.size is no group"),
        (["--network.options", "3"], "network.options is '3', but must be a mapping"),
        (["--training.iterations", "--network.bins", "[1]"], "--training.iterations has no value"),
        (["--data.sources", "[{kind: dtd, roott: x}]"], "data.sources: unknown setting 'roott'; did you mean 'root'?"),
        (["--data={sources: [{kind: dtd, roott: x}]}"], "data.sources: unknown setting 'roott'; did you mean 'root'?"),
        (["--init.classes", "{a: b, a: c}"], "--init.classes: 'a' stands here a second time: remove one of them"),
        (["--network={bins: [1], bins: [2]}"], "--network: 'bins' stands here a second time"),
        (["--data.classes.drop", "[12, car]"], 'names such as 12, on and no are text in quotes: "12"'),
        (
            ["stray"],
            "unexpected 'stray'; a setting is given as --name value, and a value or name with blanks in quotes",
        ),
        (["-x"], "unexpected '-x'; a setting is given as --name value"),
        (["--network.reduce", "false", "stray"], "unexpected 'stray'; a setting is given as --name value"),
    ],
)
def test_mistakes_name_the_command_line(arguments: list[str], message: str) -> None:
    with on_command_line(), pytest.raises(UserError) as caught:
        given_settings(Recipe, arguments)
    text = str(caught.value)
    assert text.startswith("command line: ") and message in text and "\n" not in text


def test_settings_keep_their_values_wherever_they_stand() -> None:
    words = [
        "--data.root",
        "my-data",
        "toy-pspnet",
        "--name=a",
        "--out",
        "run",
        "--lr",
        "3",
        "--x.y",
        "-1",
        "--data.val",
    ]
    own, settings = parted([*words, "--resume"], ["--out", "--resume"])
    assert own == ["toy-pspnet", "--out", "run", "--lr", "3", "--resume"]
    assert settings == ["--data.root", "my-data", "--name=a", "--x.y", "-1", "--data.val"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("train --data.root nowhere camvid-pspnet-mobilenetv2", "nowhere: no such folder"),
        ("sweep toy-table1 --seed 3", "unexpected '--seed'; did you mean '--seeds' or '--training.seed'?"),
        ("train toy-pspnet --resum", "unexpected '--resum'; did you mean '--resume'?"),
        ("evaluate m --data.val all[:8]", "that is a setting of recipes: here it is --split 'all[:8]'"),
        ("diagnose m --data.root=d", "unexpected '--data.root'; that is a setting of recipes: here it is --data d"),
        ("evaluate m --protocol.flip true", "that is a setting of recipes: here it is --flip"),
        ("evaluate m --data.classes.mirror null", "it takes no settings of recipes; its options: sceneparse evaluate"),
        ("data check d --split val", "test a model on one: sceneparse evaluate MODEL --data DIR --split val"),
        (
            "evaluate runs/my model",
            "unexpected 'model'; see 'sceneparse evaluate --help'; a name with blanks stands in ",
        ),
        ("evaluate m --data my data", "a name with blanks stands in quotes: 'my data'"),
        ("predict m a.png --out o my", "unexpected 'my'; see 'sceneparse predict --help'; a name with blanks"),
        ("predict m a.png --out o here.png", "'sceneparse predict --help'; several files or folders stand together"),
        ("predict m my holiday.mp4 --out o", "my: no such file or folder; a name with blanks stands in quotes: 'my ho"),
        ("import x.pth --out m --form csail", "unexpected '--form'; did you mean '--from'?"),
        ("import x.pth --out m --optimizer.lr 3", "--optimizer.lr has no effect here: of the settings this command"),
        ("bench toy-pspnet --training.batch 8", "--training.batch has no effect here: of the settings this command"),
        ("data check d --optimizer.lr 9", "reads data, backbone.in_channels and augmentation.mirror; leave it out"),
        ("data check d --backbone.name resnet18", "--backbone.name has no effect here"),
        ("data show d --training.batch 9", "--training.batch has no effect here"),
        ("data export d --out o --augmentation.rotate 0", "--augmentation.rotate has no effect here"),
        ("data check toyworld --kind folder", "toyworld is a kind itself: leave out kind folder"),
        ("data check toyworld --root x", "kind toyworld has no folder: leave out root x"),
        ("data check a --kind folder --data.root b", "root b has no effect, since the kind is folder: give the folder"),
        ("data check a --kind folder --root b", "root b has no effect, since the kind is folder: give the folder"),
        ("data check a --kind folder --data.kind dtd", "--kind and --data.kind say the same: give one"),
        ("data check mini-broden --root nowhere", "nowhere"),
    ],
)
def test_what_has_no_effect_or_is_mistyped_is_refused_in_a_line(
    words: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my holiday.mp4").touch()
    (tmp_path / "here.png").touch()
    assert main(words.split()) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1, said


@pytest.mark.parametrize("name", COMMANDS)
def test_what_begins_as_an_option_or_is_nearly_one_names_it_before_all_that_is_missing(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {option for action in parser_of(name)._actions for option in action.option_strings}
    asked = {"--output": "--out", "--out-dir": "--out", "--splitt": "--split", "--helpp": "--help"}
    for typed, meant in asked.items():
        if meant in options and typed not in options:
            assert main([*name.split(), typed, "x"]) == 2
            said = capsys.readouterr().err
            assert f"sceneparse {name}: unexpected '{typed}'; did you mean '{meant}'" in said


def test_a_setting_without_its_group_is_no_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "toy-pspnet", "--output_stride", "8"]) == 2
    assert "network.output_stride" in capsys.readouterr().err


def test_every_setting_that_is_meant_by_another_packages_name_is_there() -> None:
    known = dotted_settings(Recipe)
    for words, text in ELSEWHERE.items():
        for word in words:
            said = called_elsewhere(word, known, "--")
            assert said is not None and "<" not in said, text
            assert word not in {name.rpartition(".")[2] for name in known}, "a setting of ours is called so"
    assert {f"{group}.{name}" for group, name in MEANT.items()} <= set(known)
