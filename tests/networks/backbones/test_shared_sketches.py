"""What is found out about a model of timm's without its weights is found out once, and serves every build of it."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import torch
from torch import nn

from sceneparse.networks.backbones import make_backbone, timm_pyramid
from sceneparse.networks.backbones.timm_models import with_padding

PICTURE = torch.linspace(-1, 1, 3 * 64 * 96).reshape(1, 3, 64, 96)


def test_a_build_changes_neither_the_sketch_nor_its_options() -> None:
    options, sketch = with_padding("resnet18", None, 3)
    before = {name: repr(module) for name, module in sketch.named_modules()}

    make_backbone("resnet18", output_stride=8)

    again, other = with_padding("resnet18", None, 3)
    assert other is sketch and again == options and again is not options
    assert {name: repr(module) for name, module in sketch.named_modules()} == before
    assert all(parameter.is_meta for parameter in sketch.parameters())


@pytest.mark.parametrize("name", ["resnet18", "test_vit", "convnext_atto"])
def test_later_builds_of_a_model_are_like_its_first(name: str) -> None:
    first = make_backbone(name)
    later = make_backbone(name)
    later.load_state_dict(first.state_dict())
    with torch.no_grad():
        for one, other in zip(first.eval()(PICTURE), later.eval()(PICTURE), strict=True):
            assert torch.equal(one, other)


def test_other_channels_have_a_sketch_of_their_own() -> None:
    make_backbone("resnet18")
    maps = make_backbone("resnet18", in_channels=5)(torch.zeros(1, 5, 64, 64))
    assert [one.shape[1] for one in maps] == [64, 128, 256, 512]


def test_threads_take_turns_with_a_sketch_that_they_change(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, most = 0, 0

    @contextmanager
    def slow(_: nn.Module) -> Iterator[None]:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.002)
        yield
        inside -= 1

    timm_pyramid._multiple.cache_clear()
    monkeypatch.setattr(timm_pyramid, "without_batch_norms", slow)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: make_backbone("convnext_atto").multiple, range(4)))
    assert made == [32] * 4
    assert most == 1
