"""Loading a model under a protocol: what is refused before the model is there, and what needs its sizes."""

import json
import shutil
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from sceneparse.errors import UserError
from sceneparse.inference import resolve
from sceneparse.parsing import load
from sceneparse.settings import ProtocolSettings

BY_SIZES = [ProtocolSettings(size="auto"), ProtocolSettings(max_long=2000), ProtocolSettings(antialias=False)]
"""Protocols that hold together with a model that knows which sizes it learnt from."""


@pytest.fixture
def ignorant(tiny_run: Path, tmp_path: Path) -> Path:
    """A model that doesn't know the sizes."""
    folder = shutil.copytree(tiny_run / "model", tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    del config["sizes"]
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("protocol", BY_SIZES)
def test_a_protocol_that_needs_the_sizes_is_resolved_with_the_models(
    tiny_run: Path, ignorant: Path, protocol: ProtocolSettings
) -> None:
    parser = load(tiny_run / "model", engine="torch", device="cpu", protocol=protocol)
    assert parser.protocol == resolve(protocol, parser.config.sizes)
    assert parser.protocol.above is not None
    with pytest.raises(UserError, match=r"does not know the sizes|has no effect"):
        load(ignorant, engine="torch", device="cpu", protocol=protocol)


def test_another_process_loads_it_again_under_its_protocol(tiny_run: Path) -> None:
    parser = load(tiny_run / "model", engine="torch", device="cpu").with_protocol(ProtocolSettings(size="auto"))
    assert parser.loading is not None
    assert parser.loading().protocol == parser.protocol


def test_what_no_model_makes_right_is_said_before_the_model_is_looked_for() -> None:
    with pytest.raises(UserError, match="stride has no effect"):
        load("no-such-model", protocol=ProtocolSettings(stride=0.5))


def test_a_protocol_may_be_made_of_the_models_and_is_refused_before_the_model_is_opened(
    tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parser = load(tiny_run, engine="torch", device="cpu", protocol=lambda own: replace(own, flip=True))
    assert parser.protocol.flip and parser.loading is not None
    assert parser.loading.protocol == replace(parser.config.protocol, flip=True)
    monkeypatch.setattr(import_module("sceneparse.inference.open_model"), "_opened", None)
    with pytest.raises(UserError, match="stride has no effect"):
        load(tiny_run, protocol=lambda own: replace(own, stride=0.5))


def test_a_model_that_is_not_there_is_no_model_without_sizes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no model folder"):
        load(tmp_path / "none", protocol=ProtocolSettings(size="auto"))
