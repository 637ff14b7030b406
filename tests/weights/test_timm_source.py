"""timm's own files, read as text, say where pretrained weights lie just as timm does."""

import timm

from sceneparse.weights.timm_source import hub_repository

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
