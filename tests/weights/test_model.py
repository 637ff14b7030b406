import errno
import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace
from sceneparse.settings import NetworkSettings
from sceneparse.weights.build import build
from sceneparse.weights.card import model_card
from sceneparse.weights.config import FILES, ModelConfig, config_from_json, config_to_json
from sceneparse.weights.finding import refuse_missing
from sceneparse.weights.model import Model, load_model, save_model


def test_a_model_comes_back_with_the_same_scores_settings_and_classes(
    saved: Path, make_model: Callable[..., Model], labels: LabelSpace
) -> None:
    model = make_model()
    loaded = load_model(saved)
    assert not loaded.network.training
    assert loaded.labels == labels
    assert loaded.config == model.config.portable()
    assert loaded.config.protocol.scales == (0.5, 1.0)
    images = torch.randn(1, 3, 33, 41)
    assert torch.equal(loaded.network(images).logits, model.network.eval()(images).logits)


def test_a_model_folder_holds_its_four_files_readable_for_all_and_nothing_beside_it(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == sorted(FILES)
    assert len({stat.S_IMODE(path.stat().st_mode) for path in saved.iterdir()}) == 1
    assert [path.name for path in saved.parent.iterdir()] == ["model"]
    assert (saved / "README.md").read_text() == "# card\n"


def test_neither_paths_nor_the_origin_of_weights_leave_the_machine(
    tmp_path: Path, make_model: Callable[..., Model], labels: LabelSpace
) -> None:
    model = make_model(weights="/home/somebody/weights/r10.pth")
    card = model_card(model.config, labels, None)
    save_model(tmp_path / "model", model, card)
    for name in ("config.json", "README.md", "labels.json"):
        assert "somebody" not in (tmp_path / "model" / name).read_text()
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["format"] == 1
    assert config["backbone"]["weights"] is None and config["data"]["root"] is None
    assert config["backbone"]["padding"] == "symmetric"


@pytest.mark.parametrize(("name", "padding"), [("maxvit_tiny_tf_224", "same"), ("test_efficientnet", "symmetric")])
def test_a_padding_left_open_is_written_as_what_the_network_is_built_with(
    make_config: Callable[..., ModelConfig], name: str, padding: str
) -> None:
    config = make_config(name=name, dilation="first")
    written = config_from_json(config_to_json(config), "config.json")
    assert written.backbone.padding == padding
    for backbone in (config.backbone, written.backbone):
        with torch.device("meta"):
            build(backbone, NetworkSettings("upernet", channels=8), 3)


def test_equal_weights_give_equal_bytes_whatever_their_memory_layout(
    tmp_path: Path, saved: Path, make_model: Callable[..., Model], labels: LabelSpace
) -> None:
    model = make_model()
    network = model.network.to(memory_format=torch.channels_last)
    save_model(tmp_path / "again", Model(network, model.config, labels), "")
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (saved / "model.safetensors").read_bytes()


def test_weights_are_stored_in_float32(tmp_path: Path, make_model: Callable[..., Model], labels: LabelSpace) -> None:
    model = make_model()
    save_model(tmp_path / "model", Model(model.network.bfloat16(), model.config, labels), "")
    stored = load_file(tmp_path / "model" / "model.safetensors")
    assert {value.dtype for value in stored.values()} == {torch.float32, torch.int64}


def test_saving_again_replaces_the_model(saved: Path, make_model: Callable[..., Model]) -> None:
    save_model(saved, make_model(seed=1), "new")
    assert (saved / "README.md").read_text() == "new"
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("fatal", ["write", "exchange", "first rename", "second rename"])
def test_a_failure_while_replacing_leaves_the_old_model(
    saved: Path, fatal: str, monkeypatch: pytest.MonkeyPatch, make_model: Callable[..., Model]
) -> None:
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    rename, calls = Path.rename, []

    def failing(path: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == {"first rename": 1, "second rename": 2}.get(fatal):
            raise OSError("disk on fire")
        return rename(path, target)

    if fatal == "write":
        monkeypatch.setattr("sceneparse.weights.saving.save", lambda *_, **__: 1 / 0)
    monkeypatch.setattr("sceneparse.files._exchange", lambda *_: 1 / 0 if fatal == "exchange" else False)
    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises((OSError, ZeroDivisionError)):
        save_model(saved, make_model(seed=1), "new")
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


def test_a_replacement_killed_between_its_renames_loses_nothing(
    saved: Path, make_model: Callable[..., Model], labels: LabelSpace
) -> None:
    saved.rename(saved.parent / ".model.old")
    assert load_model(saved).labels == labels
    save_model(saved, make_model(seed=1), "new")
    assert (saved / "README.md").read_text() == "new"
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


def test_a_folder_with_other_things_in_it_is_never_replaced(tmp_path: Path, make_model: Callable[..., Model]) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "holiday.jpg").write_bytes(b"dear")
    with pytest.raises(UserError, match=r"photos: holds more than a model \(holiday.jpg\)"):
        save_model(tmp_path / "photos", make_model(), "")
    (tmp_path / "file").write_text("dear")
    with pytest.raises(UserError, match="a file is in the way"):
        save_model(tmp_path / "file", make_model(), "")
    assert (tmp_path / "photos" / "holiday.jpg").read_bytes() == b"dear"


def test_loading_draws_no_random_numbers(saved: Path) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    load_model(saved)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "labels.json"])
def test_a_missing_file_is_named(saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(UserError, match=f"no {name} in it"):
        load_model(saved)


def test_a_model_without_its_card_still_loads(saved: Path) -> None:
    whole = load_model(saved)
    (saved / "README.md").unlink()
    assert load_model(saved).config == whole.config


@pytest.mark.parametrize("length", [0, 5, 1000, -1])
def test_truncated_weights_are_refused(saved: Path, length: int) -> None:
    path = saved / "model.safetensors"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UserError, match=r"model.safetensors: damaged or cut short") as caught:
        load_model(saved)
    assert "\n" not in str(caught.value)


def test_weights_that_do_not_fit_are_refused_by_name(saved: Path) -> None:
    path = saved / "model.safetensors"
    state = load_file(path)
    save_file({name: value for name, value in state.items() if name != "head.classifier.bias"}, path)
    with pytest.raises(UserError, match=r"'head.classifier.bias' is missing"):
        load_model(saved)
    save_file(state | {"stranger": torch.zeros(1)}, path)
    with pytest.raises(UserError, match="'stranger' belongs to no layer"):
        load_model(saved)
    save_file(state | {"head.layer.norm.bias": torch.zeros(5)}, path)
    with pytest.raises(UserError, match=r"'head.layer.norm.bias' is \[5\]"):
        load_model(saved)


def test_another_number_of_classes_is_said_in_those_words(saved: Path) -> None:
    (saved / "labels.json").write_text('{"names": ["sky", "road"]}')
    with pytest.raises(UserError, match=r"has 3 classes, but labels.json names 2"):
        load_model(saved)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "model format 2"),
        ({"network": {"architecture": "pspnet", "chanels": 3}}, "network.chanels"),
        ({"backbone": {"name": "resnet10"}}, "'resnet10' is not a timm model"),
    ],
)
def test_a_wrong_config_is_refused(saved: Path, change: dict[str, object], message: str) -> None:
    path = saved / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError, match=message):
        load_model(saved)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": 1}'])
def test_a_broken_config_is_refused(saved: Path, text: str) -> None:
    (saved / "config.json").write_text(text)
    with pytest.raises(UserError, match=r"config\.json"):
        load_model(saved)


@pytest.mark.parametrize("source", ["no-such-folder", "a/b/c", "/no/where", "../x/y"])
def test_a_source_that_is_neither_a_folder_nor_a_hub_id_is_refused(source: str) -> None:
    with pytest.raises(UserError, match="no model folder"):
        load_model(source)


def test_a_file_is_no_model_folder(saved: Path) -> None:
    with pytest.raises(UserError, match="is a file of a model: name its folder, "):
        load_model(saved / "model.safetensors")


def test_labels_that_do_not_fit_the_network_are_not_written(tmp_path: Path, make_model: Callable[..., Model]) -> None:
    model = make_model()
    with pytest.raises(ValueError, match="3 classes"):
        save_model(tmp_path / "model", Model(model.network, model.config, LabelSpace(("sky",))), "")
    assert not (tmp_path / "model").exists()


def test_a_model_folder_that_has_no_room_is_said_and_leaves_nothing(
    tmp_path: Path, make_model: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr("sceneparse.weights.saving.replace_folder", full)
    with pytest.raises(UserError, match=r"model: cannot be written \(Disk quota exceeded; .* free there\): make room"):
        save_model(tmp_path / "model", make_model(), "a card")
    assert not list(tmp_path.iterdir())


def test_a_folder_of_runs_is_answered_with_those_that_have_a_model(tmp_path: Path) -> None:
    def runs(*names: str) -> Path:
        for name in names:
            (tmp_path / name).mkdir()
            (tmp_path / name / "recipe.yaml").touch()
        return tmp_path

    with pytest.raises(UserError, match=f"is no model, but a folder of 1 run: name it, {tmp_path / 'a'}$"):
        refuse_missing(runs("a"))
    listed = ", ".join(str(tmp_path / name) for name in "abc")
    with pytest.raises(UserError, match=f"a folder of 4 runs: name one of them, such as {listed}, … "):
        refuse_missing(runs("b", "c", "d"))
    (tmp_path / "d" / "model").mkdir()
    for name in FILES:
        (tmp_path / "d" / "model" / name).touch()
    with pytest.raises(UserError, match=f"such as {tmp_path / 'd'} \\('sceneparse compare {tmp_path}' shows"):
        load_model(tmp_path)
