"""timm's own files, read as text, say where pretrained weights lie just as timm does."""

from importlib import metadata

import pytest
import timm

from sceneparse.errors import UserError
from sceneparse.networks.backbones.published_vits import make_known
from sceneparse.networks.backbones.table import BACKBONES
from sceneparse.networks.backbones.timm_models import refuse_unknown
from sceneparse.settings.backbone_names import OWN, SIDED, STRIDE8
from sceneparse.weights import timm_source
from sceneparse.weights.timm_source import hub_repository, refuse_unknown_backbone

MODELS = (
    "resnet10t",
    "resnet50",
    "resnet50.tv_in1k",
    "mobilenetv2_100",
    "convnext_tiny",
    "swin_tiny_patch4_window7_224",
)
UNKNOWN = ("resnet50.no_such_tag", "resnet5", "no model")


def test_the_repository_of_a_models_weights_is_the_one_that_timm_names() -> None:
    for name in (*MODELS, *timm.list_models()[7::120]):
        known = timm.get_pretrained_cfg(name)
        said = hub_repository(name)
        # What timm computes cannot be read, and then nothing is said.
        assert said is None or (known is not None and said == known.hf_hub_id), name
    assert all(map(hub_repository, MODELS))


def test_nothing_is_said_of_what_timm_does_not_have() -> None:
    assert [hub_repository(name) for name in UNKNOWN] == [None] * len(UNKNOWN)


def test_every_name_that_timm_or_this_package_knows_passes() -> None:
    names = [*timm.list_models()[::60], *timm.list_pretrained()[3::200], *OWN, "vit_base_patch16_496", *given_up()]
    for name in names:
        refuse_unknown_backbone(name)
    entries = timm.models._registry._model_entrypoints  # to which other tests may have added their own
    own = {name for name in timm.list_models() if entries[name].__module__.startswith("timm.")}
    assert own <= set(known()), "all of them are read, for near names"
    assert all(name in BACKBONES or make_known(name) for name in (*OWN, *(f"{kind}_512" for kind in SIDED)))
    assert set(STRIDE8) <= set(BACKBONES)


def given_up() -> list[str]:
    """Names that timm maps to others, or says that they are gone."""
    return list(timm.models._registry._deprecated_models)[::5]


def known() -> list[str]:
    with pytest.MonkeyPatch.context() as patch:
        found: list[str] = []

        def keep(_: str, names: list[str]) -> UserError:
            found.extend(names)
            return UserError("")

        patch.setattr(timm_source, "unknown_backbone", keep)
        with pytest.raises(UserError):
            refuse_unknown_backbone("no_such_backbone")
        return found


@pytest.mark.parametrize("name", ["resnet5", "mobilenet_v2_100", "vit_base_patch16_495", "hrnetv2_w40", "zzzz"])
def test_a_name_that_is_none_is_refused_in_the_words_that_are_said_once_timm_is_loaded(name: str) -> None:
    with pytest.raises(UserError) as early:
        refuse_unknown_backbone(name)
    with pytest.raises(UserError) as late:
        refuse_unknown(name, BACKBONES)
    assert str(early.value).split(";")[0] == str(late.value).split(";")[0]
    assert ("did you mean" in str(early.value)) == ("did you mean" in str(late.value))


def test_beside_a_package_that_adds_anything_timm_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    point = metadata.EntryPoint("mine", "mine:LOSS", "sceneparse.losses")
    monkeypatch.setattr(metadata, "entry_points", lambda *, group: [point] if group == point.group else [])
    refuse_unknown_backbone("no_such_backbone")
