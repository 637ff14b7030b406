"""What calls make of a model's own protocol."""

from dataclasses import replace

import pytest

from sceneparse.errors import UserError
from sceneparse.inference.protocol_change import protocol_change
from sceneparse.settings import ProtocolSettings

OWN = ProtocolSettings(resize="fixed", size=(48, 64), scales=(0.5, 1.0))


def changed(protocol: object, own: ProtocolSettings = OWN) -> ProtocolSettings:
    change = protocol_change(protocol)  # type: ignore[arg-type]
    assert change is not None
    return change(own)


def test_a_mapping_says_what_differs_from_the_models_own() -> None:
    assert changed({"flip": True}) == replace(OWN, flip=True)
    assert changed({"scales": [1]}) == replace(OWN, scales=(1.0,))


def test_a_size_is_that_of_the_command_and_another_protocol_begins_with_its_own_values() -> None:
    assert changed({"size": "own"}) == OWN.at_size("own")
    assert changed({"size": 32, "flip": True}) == replace(OWN.at_size(32), flip=True)
    assert changed({"name": "csail"}) == ProtocolSettings("csail")


def test_settings_and_functions_are_taken_as_they_are() -> None:
    assert changed(ProtocolSettings("csail")) == ProtocolSettings("csail")
    assert changed(lambda own: replace(own, flip=True)) == replace(OWN, flip=True)
    assert protocol_change(None) is None


def test_changes_that_are_wrong_by_themselves_are_refused_at_once() -> None:
    with pytest.raises(UserError, match=r"unknown setting 'protocol\.siz'; did you mean 'protocol\.size'\?"):
        protocol_change({"siz": 3})
