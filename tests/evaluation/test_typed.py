"""Python takes settings, typed; the command line alone parses text into them."""

import argparse
from dataclasses import replace
from pathlib import Path

import pytest

from sceneparse.cli.command import changed_protocol, protocol_arguments
from sceneparse.datasets.testing import data_settings
from sceneparse.errors import UserError
from sceneparse.evaluation.command import protocol_of
from sceneparse.inference import PRESETS, resolve
from sceneparse.settings import (
    BackboneSettings,
    DataSettings,
    LearntSizes,
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


SHORT = ProtocolSettings(resize="short", size=64, max_long=200, antialias=True, upsampling="twice")


@pytest.mark.parametrize(
    ("own", "size", "tested"),
    [
        (ProtocolSettings(), "30", "whole (changed): short side 30 antialiased"),
        (ProtocolSettings(), "own", "whole: own size"),
        (ProtocolSettings(), "auto", "whole: own size up to short side 60, above it short side 50 antialiased"),
        (ProtocolSettings(size=(20, 40)), "30", "whole (changed): short side 30 antialiased"),
        (ProtocolSettings(resize="none"), "30", "whole (changed): short side 30 antialiased"),
        (ProtocolSettings("mmseg"), "30", "mmseg (changed): short side 30 (long side at most 2048)"),
        (ProtocolSettings("mmseg"), "own", "mmseg (changed): own size"),
        (ProtocolSettings("semseg"), "30", "semseg (changed): long side 30"),
        (SHORT, "30", "whole (changed): short side 30 (long side at most 200) antialiased"),
        (SHORT, "own", "whole: own size"),
        (
            SHORT,
            "auto",
            "whole (changed): own size up to short side 60, above it short side 50 (long side at most 200) antialiased",
        ),
        (ProtocolSettings(resize="square", size=64), "30", "whole (changed): both sides 30"),
        (ProtocolSettings(resize="square", size=64), "own", "whole: own size"),
        (ProtocolSettings(resize="fixed", size=(20, 40)), "30", "whole (changed): short side 30"),
        (ProtocolSettings(resize="fixed", size=(20, 40)), "own", "whole: own size"),
    ],
)
def test_a_size_holds_whatever_the_models_protocol_says_of_resizing(
    own: ProtocolSettings, size: str, tested: str
) -> None:
    changed = changed_protocol(own, arguments("--size", size))
    said = resolve(changed, LearntSizes(short=50, largest=60, seen=(40, 70))).describe()
    assert said.startswith((f"{tested}, whole picture", f"{tested}, windows"))


@pytest.mark.parametrize("size", ["0", "-3", "small", "1.5"])
def test_what_is_no_size_is_refused(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments("--size", size)
    assert f"'{size}' is no size: give a side in pixels, own or auto" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--scales", "0"), "^--scales must be positive"),
        (("--stride", "2"), "^--stride is 2.0, but must be above 0"),
        (("--window", "0", "8"), r"^--window is \(0, 8\), but must be two positive numbers"),
    ],
)
def test_wrong_values_are_refused_by_the_names_of_their_options(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        changed_protocol(OWN, arguments(*words))


def test_data_are_a_folder_or_settings() -> None:
    assert data_settings(CONFIG.data, Path("/other"), None, "val").root == "/other"
    toy = DataSettings("toyworld", toyworld=ToyWorldSettings(size=64))
    assert data_settings(CONFIG.data, toy, None, None) == toy
    assert data_settings(CONFIG.data, toy, None, "val") == replace(toy, test="val")
    with pytest.raises(UserError, match=r"kind is 'voc2012', but data\.kind is 'toyworld'"):
        data_settings(CONFIG.data, toy, "voc2012", None)
