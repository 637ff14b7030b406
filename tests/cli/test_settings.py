"""Settings on the command line: text to typed values, and what is said of text that is none."""

from typing import Any

import pytest

from sceneparse.cli.settings import given_settings
from sceneparse.errors import UserError
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
        (["stray"], "unexpected 'stray'; a setting is given as --name value"),
        (["--network.reduce", "false", "stray"], "unexpected 'stray'; a setting is given as --name value"),
    ],
)
def test_mistakes_name_the_command_line(arguments: list[str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        given_settings(Recipe, arguments)
    text = str(caught.value)
    assert text.startswith("command line: ") and message in text and "\n" not in text
