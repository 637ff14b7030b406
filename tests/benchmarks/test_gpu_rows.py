"""The promises on a GPU: what is compiled by whom, in what time, and what the figures are made of."""

import json
import operator
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.support.forked import CONTEXT

MILLISECONDS = {
    "sceneparse": 4.0,
    "sceneparse --engine compile": 2.0,
    "sceneparse, training.graph": 3.5,
    "sceneparse, training.compile": 3.0,
    "plain": 9.0,
    "plain, torch.compile": 6.0,
    "plain, channels-last": 8.0,
    "plain, torch.compile max-autotune": 5.0,
    "torchvision FCN, torch.compile": 7.0,
    "transformers UperNet, torch.compile": 7.5,
}
MEMORY = {"sceneparse": 4.0, "sceneparse, training.compile": 3.0, "plain": 2.0, "plain, torch.compile": 6.0}


class Worker:
    """Stands in for a process, whose compiler fails for some rows."""

    def __init__(self, made: list[str], fails: tuple[str, ...], yielding: bool) -> None:
        self.made, self.fails, self.yielding = made, fails, yielding
        self.answers: list[Any] = []

    def ask(self, what: str, *given: Any) -> int:
        row = given[0].partition(": ")[2] if what in ("make", "turn") else ""
        if what == "make":
            self.made.append(f"{given[0]}{', yielding' if self.yielding else ''}")
        found = {"make": MEMORY.get(row, 5.0), "turn": [MILLISECONDS.get(row, 1.0)], "call": 100.0}[what]
        self.answers.append(None if row in self.fails else found)
        return len(self.answers) - 1

    def answer(self, number: int, _: float) -> Any:
        from gpu_rows import Failed

        if self.answers[number] is None:
            raise Failed("no kernel fits")
        return self.answers[number]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Makes a bench of such processes, which compute on a GPU that is not there."""
    import gpu_rows
    from gpu_given import Given

    def make(*fails: str) -> tuple[gpu_rows.Bench, list[str]]:
        made: list[str] = []
        monkeypatch.setattr(gpu_rows.Bench, "worker", lambda _, *, yielding=False: Worker(made, fails, yielding))
        monkeypatch.setattr(gpu_rows.Bench, "state", lambda *_: Path("weights.pt"))
        monkeypatch.setattr(gpu_rows, "card_peak", lambda _: 400e12)
        return gpu_rows.Bench(Given(torch.device("cuda"), False, 15, None, [], LATE), LATE), made

    return make


LATE = time.monotonic() + 3600


def by_what(promises: Iterable[Any]) -> dict[str, Any]:
    return {one.what: one for one in promises}


def measured(section: Any) -> dict[str, Any]:
    section.made()
    return by_what(section.measured(LATE))


def test_the_time_suffices_by_what_is_assumed(bench: Callable[..., Any]) -> None:
    import gpu_plan
    from gpu_inference import Inference
    from gpu_recipe import BEFORE, EVERY, LEAST, MOST, STARTING
    from gpu_report import PATIENCE
    from gpu_training import BATCH, Training

    until = 360 - PATIENCE
    assert sum(gpu_plan.LEAST.values()) <= until
    # What has to be compiled is what is reckoned with; ours makes way for it.
    one, made = bench()
    Inference(one)
    Training(one)
    needed = Counter("max-autotune" in row for row in made if "torch.compile" in row)
    assert needed == {False: gpu_plan.COMPILED, True: gpu_plan.AUTOTUNED}
    assert (
        sum(row.endswith("yielding") for row in made)
        == sum("ngine compile" in row or "training.comp" in row for row in made)
        == 6
    )
    sections = list(gpu_plan.LEAST)
    ends = [gpu_plan.limit(name, sections, until) for name in sections]
    assert ends == sorted(ends) and ends[-1] == until
    began = ends[sections.index("recipe") - 1]
    assert began >= sum(gpu_plan.LEAST[name] for name in ("labels", "loss", "overlap"))
    assert ends[sections.index("agreement")] - ends[sections.index("recipe")] == gpu_plan.LEAST["agreement"]
    # Each form of the recipe has more iterations than it needs, at the pace that is promised.
    assert LEAST <= MOST // EVERY * EVERY == MOST
    assert gpu_plan.LEAST["recipe"] >= 3 * (STARTING + MOST * BATCH / (5 * BEFORE)) + gpu_plan.PROCESS
    assert gpu_plan.limit("inference", ["inference"], 1790) == 1790


def test_others_compile_while_labels_are_compared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import gpu
    from gpu_plan import LEAST
    from gpu_report import PATIENCE, Promise

    done: list[str] = []
    limits: dict[str, float] = {}

    class Section:
        def __init__(self, name: str, bench: Any) -> None:
            done.append(f"{name} begins")
            limits["compiling"] = bench.made - gpu.BEGAN
            self.name = name

        def made(self) -> None:
            done.append(f"{self.name} is made")

        def measured(self, until: float) -> Iterable[Any]:
            limits[self.name] = until - gpu.BEGAN
            done.append(self.name)
            return [Promise(self.name, "x", 3.0, 2.0)]

    def apart(_: str, name: str, __: list[str], ___: Any, until: float) -> None:
        limits[name] = until - gpu.BEGAN
        done.append(name)

    monkeypatch.setattr(gpu, "measure_apart", apart)
    monkeypatch.setattr(gpu, "IN_TURNS", {name: partial(Section, name) for name in ("inference", "training")})
    monkeypatch.setattr(gpu, "BEGAN", time.monotonic())
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--device", "cpu", "--json", str(tmp_path / "figures.json")])
    assert gpu.main() == 0
    before, begun = ["labels", "loss", "overlap", "recipe"], ["inference begins", "training begins"]
    # Nothing is measured while rows of another section may still be compiled.
    made = ["inference is made", "training is made"]
    assert done == [*before, *begun, "agreement", *made, "inference", "training"]
    whole = 360 - PATIENCE
    assert limits["training"] == pytest.approx(whole)
    assert limits["inference"] == pytest.approx(whole - LEAST["training"])
    assert limits["agreement"] == limits["compiling"] == pytest.approx(limits["inference"] - LEAST["inference"])
    done.clear()
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--device", "cpu", "inference", "--minutes", "30"])
    assert gpu.main() == 0
    assert done == ["inference begins", "inference is made", "inference"] and limits["inference"] == pytest.approx(
        1800 - PATIENCE
    )


def test_a_process_makes_what_it_is_asked_for_and_its_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import gpu_rows
    from gpu_rows import Apart, Failed

    monkeypatch.setattr(gpu_rows, "get_context", lambda _: CONTEXT)  # of processes that need not import PyTorch anew
    soon = time.monotonic() + 120
    worker, late = (Apart(torch.device("cpu"), yielding=yielding) for yielding in (False, True))
    try:
        numbers = [
            worker.ask("make", "a row", partial, time.sleep, 0.001),
            worker.ask("call", operator.truediv, 1, 0),
            worker.ask("turn", "a row", 2),
            worker.ask("call", os._exit, 7),
            worker.ask("turn", "a row", 2),
        ]
        # Asked for in another order than they come.
        times = worker.answer(numbers[2], soon)
        assert len(times) == 2 and all(1 <= one < 1000 for one in times)
        assert worker.answer(numbers[0], soon) == 0
        with pytest.raises(Failed, match="division by zero"):
            worker.answer(numbers[1], soon)
        for number in numbers[3:]:
            with pytest.raises(Failed, match="its process ended with 7"):
                worker.answer(number, soon)
        asked = late.ask("call", time.sleep, 600)
        with pytest.raises(Failed, match="it was not done in time"):
            late.answer(asked, time.monotonic())
        assert late._process.exitcode is not None
    finally:
        worker.end()
        late.end()


def test_a_form_that_finds_no_memory_is_called_again(monkeypatch: pytest.MonkeyPatch) -> None:
    import gpu_rows

    monkeypatch.setattr(gpu_rows, "PAUSE", 0)
    forms = gpu_rows.Forms(torch.device("cpu"))
    errors = [torch.OutOfMemoryError("CUDA out of memory"), None, None, None, RuntimeError("no kernel fits")]

    def form() -> None:
        if (error := errors.pop(0)) is not None:
            raise error

    forms.make("a row", lambda: form)
    assert len(errors) == 1
    with pytest.raises(RuntimeError, match="no kernel fits"):
        forms.make("another", lambda: form)


def test_the_better_of_ours_counts_beside_the_fastest_of_the_others(bench: Callable[..., Any]) -> None:
    from gpu_inference import Inference

    one, made = bench()
    found = measured(Inference(one))["pspnet50, batch 1: times as fast as the fastest of the others"]
    assert found.found == 5 / 2 and found.kept is True and not found.missing and not found.untried
    assert found.rows["sceneparse"] == 4.0
    # 100·10⁹ multiply-adds in 4 ms, of 400·10¹² a second.
    assert found.shares["sceneparse"] == pytest.approx(1 / 16)
    assert "upernet50, batch 16: transformers UperNet, torch.compile" in made
    assert not any("pspnet50" in row and "transformers" in row for row in made)


def test_a_row_that_cannot_be_compiled_costs_no_other_and_says_why(bench: Callable[..., Any]) -> None:
    from gpu_inference import Inference

    one, _ = bench("plain, torch.compile max-autotune", "sceneparse --engine compile")
    found = measured(Inference(one))["upernet50, batch 16: times as fast as the fastest of the others"]
    assert found.found == 7 / 4 and found.kept is None
    assert found.missing == {"plain, torch.compile max-autotune": "no kernel fits"}
    assert found.untried == {"sceneparse --engine compile": "no kernel fits"}


def test_a_steps_memory_is_compared_with_the_compiled_plain_ones(bench: Callable[..., Any]) -> None:
    from gpu_training import Training

    one, _ = bench()
    found = measured(Training(one))
    assert found["pspnet50: times as fast as plain"].found == 3.0 and found["pspnet50: times as fast as plain"].kept
    assert found["pspnet50: times as fast as plain, torch.compile"].found == 2.0
    memory = found["upernet50: of the memory of plain, torch.compile"]
    assert memory.found == 0.5 and memory.kept is True
    # A step is three times the forward pass of its 16 pictures.
    assert found["pspnet50: times as fast as plain"].shares["plain"] == pytest.approx(48 * 100e9 / 9e-3 / 400e12)
    one, _ = bench("plain, torch.compile")
    found = measured(Training(one))
    compiled = found["pspnet50: times as fast as plain, torch.compile"]
    assert compiled.found is None and compiled.kept is None
    assert compiled.missing == {"plain, torch.compile": "no kernel fits"}
    assert found["pspnet50: times as fast as plain"].kept
    assert found["upernet50: of the memory of plain, torch.compile"].found is None


class Paces:
    """Stand-ins of the recipe's measurements: 200 pictures a second alone, 1,000 as a graph."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *paces: float | None) -> None:
        import gpu_recipe

        self.left, self.asked = list(paces), list[tuple[list[str], int, float]]()
        monkeypatch.setattr(
            gpu_recipe, "bare_pace", lambda _, words: 1000.0 if "--training.graph=true" in words else 200.0
        )
        monkeypatch.setattr(gpu_recipe, "trained_pace", self.trained)

    def trained(self, words: list[str], iterations: int, _: int, limit: float) -> float:
        self.asked.append((words, iterations, limit))
        pace = self.left.pop(0)
        if pace is None:
            raise subprocess.TimeoutExpired("train", limit)
        return pace


ALONE, BEFORE = (
    f"camvid-upernet-mobilenetv2: {what} pictures a second" for what in ("of the step alone's", "times 634fde6's 160")
)


def recipe(data: Path | None, left: float = 130.0) -> dict[str, Any]:
    from gpu_given import Given
    from gpu_recipe import of_recipe

    given = Given(torch.device("cuda"), False, 1, data, ["--backbone.weights=W"], time.monotonic() + left)
    return by_what(of_recipe(given))


def test_the_best_form_of_the_recipe_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    paces = Paces(monkeypatch, 100.0, None, 850.0)
    found = recipe(tmp_path)
    assert list(found) == [ALONE, BEFORE]
    words, iterations, limit = paces.asked[0]
    # What the older commit was measured on; nothing is downloaded, but what is given comes last.
    assert {"--augmentation.crop=[360,480]", "--network.channels=256", "--training.batch=16"} < set(words)
    assert words.index("--backbone.weights=null") < words.index("--backbone.weights=W")
    # The first form, as it is without options, has all the time.
    assert "--data.augment_on=host" in words and iterations == 400 and 120 < limit <= 125
    assert found[ALONE].found == 0.85 and found[ALONE].kept is None
    assert found[BEFORE].found == 850 / 160 and found[BEFORE].kept is True
    late = found[ALONE].untried
    assert list(late) == ["sceneparse train, augmented on the device"] and "it did not end within" in str(late)
    assert found[ALONE].rows["sceneparse train, augmented on the host, training.graph"] == 850.0


def test_forms_that_are_not_needed_or_have_no_time_are_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    paces = Paces(monkeypatch, 900.0)
    found = recipe(tmp_path)
    assert len(paces.asked) == 1 and found[ALONE].kept and found[BEFORE].kept
    assert set(found[ALONE].untried.values()) == {"what is promised is kept without it"}
    late = recipe(tmp_path, left=20)
    assert len(paces.asked) == 1
    assert all(one.kept is None and "s are left for it" in str(one.untried) for one in late.values())


def test_without_data_what_the_recipe_promises_is_open() -> None:
    found = recipe(None)
    assert list(found) == [ALONE, BEFORE]
    assert all(one.found is None and one.kept is None and "--data" in str(one.untried) for one in found.values())


def test_the_recipe_is_trained_in_the_quick_form(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import gpu

    chance = np.random.default_rng(0)
    for split in ("train", "val", "test"):
        for kind, shape, most in (("images", (48, 80, 3), 255), ("masks", (48, 80), 10)):
            folder = tmp_path / "CamVid" / split / kind
            folder.mkdir(parents=True)
            for number in range(2):
                pixels = chance.integers(0, most, shape, dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{split}{number}.png")
    figures = tmp_path / "figures.json"
    words = ["recipe", "--quick", "--data", str(tmp_path / "CamVid"), "--json", str(figures)]
    monkeypatch.setattr(sys, "argv", ["gpu.py", *words])
    monkeypatch.setattr(gpu, "BEGAN", time.monotonic())
    assert gpu.main() == 0
    found = json.loads(figures.read_text(encoding="utf-8"))
    assert not found["failed"] and [one["what"] for one in found["promises"]] == [ALONE, BEFORE]
    assert all(one["found"] > 0 and len(one["rows"]) == 3 for one in found["promises"])
