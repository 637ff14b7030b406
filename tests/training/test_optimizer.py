from dataclasses import replace

import torch

from sceneparse.networks import FCN
from sceneparse.networks.backbones import make_backbone
from sceneparse.settings import OptimizerSettings
from sceneparse.training.optimizer import build_optimizer, set_learning_rate
from sceneparse.training.sharding import load_optimizer

SETTINGS = OptimizerSettings(lr=0.02, head_factor=10, weight_decay=1e-3)


def network() -> FCN:
    return FCN(make_backbone("resnet10t"), 3, channels=8)


def test_every_parameter_is_in_exactly_one_group_with_its_rate_and_decay() -> None:
    net = network()
    optimizer = build_optimizer(net, SETTINGS)
    set_learning_rate(optimizer, 0.5)
    group_of = {id(parameter): group for group in optimizer.param_groups for parameter in group["params"]}
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(list(net.parameters())) == len(group_of)
    for name, parameter in net.named_parameters():
        group = group_of[id(parameter)]
        assert group["lr"] == (0.5 if name.startswith("backbone.") else 5.0), name
        assert group["weight_decay"] == (1e-3 if name.endswith("weight") and parameter.ndim == 4 else 0), name


def test_kinds_of_optimizer() -> None:
    sgd = build_optimizer(network(), replace(SETTINGS, momentum=0.8))
    assert isinstance(sgd, torch.optim.SGD) and all(group["momentum"] == 0.8 for group in sgd.param_groups)
    assert isinstance(build_optimizer(network(), replace(SETTINGS, kind="adamw")), torch.optim.AdamW)


def test_a_state_is_laid_out_in_memory_as_its_weights_are() -> None:
    # What a training with shared weights kept is contiguous; one kernel for all weights wants the formats to be alike.
    settings = replace(SETTINGS, kind="adamw")
    trained, other = network(), network().to(memory_format=torch.channels_last)
    optimizers = [build_optimizer(net, settings) for net in (trained, other)]
    for parameter in trained.parameters():
        parameter.grad = torch.rand_like(parameter)
    optimizers[0].step()
    load_optimizer(optimizers[1], optimizers[0].state_dict())
    for first, second in zip(trained.parameters(), other.parameters(), strict=True):
        before, after = optimizers[0].state[first], optimizers[1].state[second]
        assert torch.equal(before["exp_avg"], after["exp_avg"]) and torch.equal(before["step"], after["step"])
        assert after["exp_avg"].stride() == after["exp_avg_sq"].stride() == second.stride()
    assert any(
        first.stride() != second.stride()
        for first, second in zip(trained.parameters(), other.parameters(), strict=True)
    )
