"""`sceneparse bench` as a function: measure a model on this machine, print tables and write a record."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import torch

from sceneparse.arguments import (
    argument,
    check_choice,
    check_flag,
    check_names,
    check_number,
    check_type,
    checked_size,
)
from sceneparse.benching.measure import FORMS, Measuring
from sceneparse.benching.record import Bench
from sceneparse.benching.subject import Subject, find_subject
from sceneparse.benching.table import heading, print_bench
from sceneparse.devices import choose_device
from sceneparse.errors import require
from sceneparse.evaluation.command import machine
from sceneparse.files import refuse_unwritable_file, write_json
from sceneparse.inference.choosing import ENGINES
from sceneparse.inference.open_model import check_source
from sceneparse.progress import results_console, working
from sceneparse.settings import Precision, Recipe
from sceneparse.settings.device import DEVICE_NAMES
from sceneparse.weights.architectures import architecture_of

LEAST = 33
"""Pixels a side of the smallest picture that is measured: what most exported programs take."""


def bench(
    source: str | Path | Recipe,
    *,
    name: str | None = None,
    size: tuple[int, int] | None = None,
    batch: int = 4,
    repeats: int = 10,
    engines: Sequence[str] | None = None,
    precisions: Sequence[Precision] | None = None,
    device: str = "auto",
    memory: bool = True,
    quick: bool = False,
    json: str | Path | None = None,
    progress: bool = True,
) -> Bench:
    """Measure a model's speed and memory on this machine; an engine that cannot run says why and stops nothing.

    Memory is measured in processes of their own: a script that calls this needs `if __name__ == "__main__":`.

    Args:
        source: A model folder, a published checkpoint's name, a hub id, an exported .xml or .onnx file, or a recipe,
            read or by its name or file (its network with random weights).
        name: What the record calls it. Default: the source, or a recipe's own name.
        size: Height and width of the picture. Default: the side that `sceneparse models` counts at.
        batch: Pictures at a time for the throughput, beside one.
        repeats: Rounds that count.
        engines: torch, compile, openvino, onnxruntime. Default: all, or an exported file's own.
        precisions: float32, tf32, bfloat16. Default: float32, and bfloat16 where the device is faster in it and the
            engine has it.
        device: auto, cpu, cuda, cuda:N, mps, xpu or xpu:N.
        memory: Whether memory is measured, which takes a process for each row.
        quick: End with the first look: a few pictures with each engine that is ready within half a minute.
        json: Where the record is also written.
        progress: Show what is being done, and the tables.

    Raises:
        UserError: No such model, device, engine, precision or recipe, a size, batch or number that is none, or a record
            that cannot be written there.
    """
    size = _checked_side(size)
    for what, number in (("batch", batch), ("repeats", repeats)):
        check_number(what, number, least=1, whole=True)
    for what, flag in (("memory", memory), ("quick", quick), ("progress", progress)):
        check_flag(what, flag)
    _check_chosen("engines", engines, list(ENGINES), argument("engines", option="--engine"))
    fixed = [one for one in get_args(Precision) if one != "auto"]
    _check_chosen("precisions", precisions, fixed, argument("precisions", option="--precision"))
    check_type("device", device, (str, torch.device), f"one of {DEVICE_NAMES}")
    check_type("json", json, (str, Path, type(None)), "a file or None")
    if json is not None:
        refuse_unwritable_file(json)
    subject = _subject(source, name)
    _refuse_int8_twice(subject, precisions)
    where = choose_device(device)
    network = subject.config.network
    size = size or (architecture_of(network).side,) * 2
    counted = {form: round(subject.multiply_adds(form, size) / 1e9, 6) for form in FORMS}
    result = Bench(
        source=subject.source,
        kind=subject.kind,
        architecture=network.architecture,
        backbone=subject.config.backbone.name,
        classes=subject.classes,
        size=size,
        batch=int(batch),
        repeats=int(repeats),
        device=machine(where),
        threads=torch.get_num_threads(),
        multiply_adds=counted,
        heads=network.resampling,
        quick=quick,
    )
    console = results_console(highlight=False)

    def show(line: str) -> None:
        if progress:
            console.print(line, markup=False, soft_wrap=True)

    show(heading(result))
    with working("bench", shown=progress) as say:
        Measuring(subject, result, where, say, show).all(engines, precisions, memory)
    if progress:
        print_bench(result, console)
    if json is not None:
        write_json(Path(json), result.to_json())
    return result


def _checked_side(size: Any) -> tuple[int, int] | None:
    size = checked_size("size", size)
    require(
        size is None or min(size) >= LEAST,
        f"{argument('size', size)} is too small: a picture that is measured has at least {LEAST} pixels a side",
    )
    return size


def _subject(source: str | Path | Recipe, name: str | None) -> Subject:
    if not isinstance(source, Recipe):
        check_source("source", source)
    check_type("name", name, (str, type(None)), "a name or None")
    return find_subject(source, name)


def _refuse_int8_twice(subject: Subject, precisions: Sequence[str] | None) -> None:
    """Refuse two precisions for a quantised file, whose rows would have one name."""
    require(
        not subject.quantized or precisions is None or len(precisions) < 2,
        f"{subject.source} is quantised and computes in int8, so that it is measured once: give "
        f"{argument('precisions', option='--precision')} one value, or leave it out",
    )


def _check_chosen(name: str, chosen: Sequence[str] | None, choices: Sequence[str], shown: str) -> None:
    """Refuse what is no list of an argument's values, each of them once."""
    if chosen is None:
        return
    check_names(name, chosen, choices[0])
    for one in chosen:
        check_choice(name, one, choices)
    twice = next((one for one in chosen if list(chosen).count(one) > 1), None)
    require(twice is None, f"{shown} names {twice} twice, which would be measured once")
