"""Python takes settings, typed; the command line alone parses text into them."""

import argparse
from dataclasses import replace
from pathlib import Path

import pytest

from sceneparse.cli.command import changed_protocol, protocol_arguments
from sceneparse.datasets.opening import data_settings
from sceneparse.errors import UserError
from sceneparse.evaluation.command import protocol_of
from sceneparse.inference import PRESETS, resolve
from sceneparse.settings import (
    BackboneSettings,
    DataSettings,
    NetworkSettings,
    PreprocessingSettings,
    ProtocolSettings,
)
from sceneparse.settings.data import ToyWorldSettings
from sceneparse.settings.protocol import PROTOCOL_NAMES
from sceneparse.weights.config import ModelConfig

OWN = ProtocolSettings("semseg", scales=(0.5, 1.0))
CONFIG = ModelConfig(
    "mine", BackboneSettings(), NetworkSettings(), PreprocessingSettings(), OWN, DataSettings("folder", root="/data")
)


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    protocol_arguments(parser)
    return parser.parse_args(words)


def test_there_is_a_preset_for_every_name() -> None:
    assert tuple(PRESETS) == PROTOCOL_NAMES


def test_a_model_is_tested_by_its_own_protocol_by_another_or_by_a_changed_one() -> None:
    assert protocol_of(CONFIG, None, CONFIG.data) == resolve(OWN)
    assert protocol_of(CONFIG, ProtocolSettings("csail"), CONFIG.data) == PRESETS["csail"]
    assert protocol_of(CONFIG, lambda own: replace(own, flip=False), CONFIG.data) == resolve(replace(OWN, flip=False))


def test_text_is_no_protocol() -> None:
    with pytest.raises(UserError, match=r"must be settings, such as ProtocolSettings\('whole', flip=True\)"):
        protocol_of(CONFIG, ["--name=csail"], CONFIG.data)  # type: ignore[arg-type]


def test_arguments_change_the_models_protocol_and_a_name_starts_afresh() -> None:
    assert changed_protocol(OWN, arguments()) == OWN
    changed = changed_protocol(OWN, arguments("--flip", "--window", "64", "48", "--stride", "0.5"))
    assert changed == replace(OWN, flip=True, window=(64, 48), stride=0.5)
    assert changed_protocol(OWN, arguments("--protocol", "csail", "--crf")) == ProtocolSettings("csail", crf=True)


def test_windows_take_the_place_of_what_is_about_whole_pictures() -> None:
    own = ProtocolSettings("whole", resize="short", size=512, antialias=True, upsampling="twice")
    changed = changed_protocol(own, arguments("--window", "64", "48"))
    assert (resolve(changed).window, resolve(changed).antialias) == ((64, 48), True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--protocol", "cityscapes"), "command line: .*name"),
        (("--scales", "0"), "the model's protocol with the command line's values: protocol.scales must be positive"),
    ],
)
def test_wrong_arguments_are_refused_in_a_line(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        changed_protocol(OWN, arguments(*words))


def test_data_are_a_folder_or_settings() -> None:
    assert data_settings(CONFIG.data, Path("/other"), None, "val").root == "/other"
    toy = DataSettings("toyworld", toyworld=ToyWorldSettings(size=64))
    assert data_settings(CONFIG.data, toy, None, None) == toy
    assert data_settings(CONFIG.data, toy, None, "val") == replace(toy, test="val")
    with pytest.raises(UserError, match=r"kind is 'voc2012', but data\.kind is 'toyworld'"):
        data_settings(CONFIG.data, toy, "voc2012", None)
