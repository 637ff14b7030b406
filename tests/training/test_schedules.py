"""Schedules of the learning rate give the numbers of torch's, and refuse what they don't use."""

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, MultiStepLR, OneCycleLR, PolynomialLR

from sceneparse.errors import UserError
from sceneparse.recipes import read_recipe
from sceneparse.settings import OptimizerSettings
from sceneparse.training.schedules.kind import ScheduleKind, learning_rate
from sceneparse.training.schedules.table import SCHEDULES
from tests.support.outside import install

LENGTH = 120

PUBLISHED: list[tuple[dict[str, Any], Callable[[torch.optim.Optimizer], LRScheduler]]] = [
    ({"schedule": "poly", "power": 0.7}, lambda it: PolynomialLR(it, total_iters=LENGTH, power=0.7)),
    ({"schedule": "cosine"}, lambda it: CosineAnnealingLR(it, T_max=LENGTH)),
    ({"schedule": "cosine", "floor": 0.05}, lambda it: CosineAnnealingLR(it, T_max=LENGTH, eta_min=0.05 * 0.02)),
    (
        {"schedule": "one_cycle", "floor": 0.04 / 1e4},
        lambda it: OneCycleLR(it, max_lr=0.02, total_steps=LENGTH, cycle_momentum=False),
    ),
    (
        {"schedule": "one_cycle", "rise": 0.11, "start": 0.1, "floor": 0.002},
        lambda it: OneCycleLR(
            it, 0.02, total_steps=LENGTH, pct_start=0.11, div_factor=10, final_div_factor=50, cycle_momentum=False
        ),
    ),
    ({"schedule": "step", "milestones": (30.0, 90.0)}, lambda it: MultiStepLR(it, [30, 90], gamma=0.1)),
    ({"schedule": "step", "milestones": (0.7, 0.9), "factor": 0.5}, lambda it: MultiStepLR(it, [84, 108], gamma=0.5)),
]


def rates(settings: OptimizerSettings, length: int = LENGTH) -> list[float]:
    return [learning_rate(iteration, length, settings) for iteration in range(length)]


@pytest.mark.parametrize(("settings", "make"), PUBLISHED, ids=[str(settings) for settings, _ in PUBLISHED])
def test_a_schedule_has_the_rates_of_torchs(
    settings: dict[str, Any], make: Callable[[torch.optim.Optimizer], LRScheduler]
) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.02)
    scheduler, expected = make(optimizer), []
    for _ in range(LENGTH):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates(OptimizerSettings(lr=0.02, **settings)) == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_poly_is_to_the_bit_what_it_was() -> None:
    settings = OptimizerSettings(lr=0.013, power=0.9, warmup=7)
    before = [0.013 * (1 - i / LENGTH) ** 0.9 * min(1.0, (i + 1) / 7) for i in range(LENGTH)]
    assert rates(settings) == before and OptimizerSettings().schedule == "poly"


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_has_the_linear_warm_up_and_holds_at_any_length(name: str) -> None:
    own = {"milestones": (0.5, 0.75)} if name == "step" else {}
    plain, warm = (OptimizerSettings(schedule=name, warmup=warmup, **own) for warmup in (0, 4))  # type: ignore[arg-type]
    shares = [a / b for a, b in zip(rates(warm), rates(plain), strict=True) if b]
    assert shares[:6] == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1]) and set(shares[6:]) == {1}
    for length in (1, 2, 3, 4, 10):
        assert all(0 <= rate <= 0.01 and math.isfinite(rate) for rate in rates(plain, length))
        assert any(rates(plain, length))


REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"schedule": "cosine", "power": 1.0},
        "optimizer.power has no effect: optimizer.schedule 'cosine' uses optimizer.floor",
    ),
    ({"floor": 0.1}, "optimizer.floor has no effect: optimizer.schedule 'poly' uses optimizer.power"),
    ({"schedule": "cosine", "rise": 0.1}, "optimizer.rise has no effect"),
    ({"schedule": "cosine", "start": 0.1}, "optimizer.start has no effect"),
    ({"schedule": "one_cycle", "milestones": (0.5,)}, "optimizer.milestones has no effect"),
    ({"schedule": "constant", "factor": 0.5}, "optimizer.schedule 'constant' uses no settings of its own"),
    ({"schedule_options": {"a": 1}}, "optimizer.schedule_options has no effect: schedule poly has no options"),
    ({"schedule": "step"}, "optimizer.schedule 'step' needs optimizer.milestones"),
    ({"schedule": "step", "milestones": (0.5, 20.0)}, "optimizer.milestones is [0.5, 20.0], but must be shares"),
    ({"schedule": "step", "milestones": (20.5,)}, "or whole iterations"),
    ({"schedule": "step", "milestones": (0.7, 0.5)}, "must rise"),
    ({"schedule": "step", "milestones": (0.5,), "factor": 1.0}, "optimizer.factor is 1.0"),
    ({"schedule": "cosine", "floor": 1.0}, "optimizer.floor is 1.0"),
    ({"schedule": "one_cycle", "rise": 1.0}, "optimizer.rise is 1.0"),
    ({"schedule": "one_cycle", "start": 0.0}, "optimizer.start is 0.0"),
    ({"schedule": "cosin"}, "must be one of poly, cosine, one_cycle, step, constant; did you mean 'cosine'?"),
]


@pytest.mark.parametrize(("settings", "message"), REFUSED)
def test_what_a_schedule_does_not_use_or_cannot_do_with_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        OptimizerSettings(**settings)
    assert message in str(error.value)


def test_milestones_that_the_training_does_not_reach_are_refused() -> None:
    def read(**training: Any) -> None:
        read_recipe("toy-fcn", optimizer={"schedule": "step", "milestones": [50]}, training=training)

    read(iterations=51)
    with pytest.raises(UserError, match=r"milestones has 50, which has no effect: training\.iterations is 50"):
        read(iterations=50)
    with pytest.raises(UserError, match=r"training\.minutes leaves open how many there will be: give them as shares"):
        read(minutes=5)


def test_another_schedule_goes_without_the_settings_of_the_one_below() -> None:
    below = read_recipe("upernet-dinov3-small", data={"root": "x"}).optimizer
    above = read_recipe("upernet-dinov3-small", data={"root": "x"}, optimizer={"schedule": "cosine"}).optimizer
    assert (below.power, above.power, above.lr, above.warmup) == (1.0, 0.9, below.lr, below.warmup)
    same = read_recipe("upernet-dinov3-small", data={"root": "x"}, optimizer={"schedule": "poly"}).optimizer
    assert same == below
    with pytest.raises(UserError, match=r"optimizer\.power has no effect"):
        read_recipe("upernet-dinov3-small", data={"root": "x"}, optimizer={"schedule": "cosine", "power": 2})


RESTARTS = """
import math
from dataclasses import dataclass

from sceneparse.training.schedules.kind import ScheduleKind


@dataclass(frozen=True)
class Options:
    cycles: int = 2


RESTARTS = ScheduleKind(
    "cosines, one after the other",
    lambda settings, options: lambda i, n: (1 + math.cos(math.pi * (i * options.cycles / n % 1))) / 2,
    options=Options,
)
"""


def test_another_package_adds_a_schedule_with_options_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(
        tmp_path,
        monkeypatch,
        package="lab_restarts",
        group="schedules",
        entries={"restarts": "RESTARTS"},
        code=RESTARTS,
    )
    try:
        settings = OptimizerSettings(schedule="restarts", schedule_options={"cycles": 4}, lr=1.0)
        other = OptimizerSettings(schedule="restarts", lr=1.0)
        assert [learning_rate(i, 8, settings) for i in range(4)] == pytest.approx([1, 0.5, 1, 0.5])
        assert learning_rate(1, 8, other) == pytest.approx((1 + math.cos(math.pi / 4)) / 2)
        with pytest.raises(UserError, match=r"optimizer\.schedule_options: unknown setting 'cycle'; did you mean"):
            OptimizerSettings(schedule="restarts", schedule_options={"cycle": 4})
    finally:
        sys.modules.pop("lab_restarts", None)


def test_an_entry_that_cannot_be_right_is_refused_where_it_is_made() -> None:
    with pytest.raises(ValueError, match="momentum"):
        ScheduleKind("x", make=lambda _settings, _options: lambda i, n: i / n, uses=frozenset({"momentum"}))
    with pytest.raises(ValueError, match="dataclass"):
        ScheduleKind("x", make=lambda _settings, _options: lambda i, n: i / n, options=int)
