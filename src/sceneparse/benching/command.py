"""`sceneparse bench` as a function: measure a model on this machine, print tables and write a record."""

from collections.abc import Sequence
from pathlib import Path

import torch

from sceneparse.arguments import argument, check_flag, check_type
from sceneparse.benching.measure import FORMS, Measuring
from sceneparse.benching.record import Bench
from sceneparse.benching.subject import Subject, find_subject
from sceneparse.benching.table import heading, print_bench
from sceneparse.benching.wishes import refuse_unmeasurable
from sceneparse.devices import choose_device
from sceneparse.errors import require
from sceneparse.evaluation.command import machine
from sceneparse.files import write_json
from sceneparse.inference.open_model import checked_source
from sceneparse.paths import expanded
from sceneparse.progress import results_console, working
from sceneparse.settings import Precision, Recipe
from sceneparse.settings.device import DEVICE_NAMES
from sceneparse.weights.architectures import architecture_of


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
    size = refuse_unmeasurable(size, batch, repeats, engines, precisions, json)
    for what, flag in (("memory", memory), ("quick", quick), ("progress", progress)):
        check_flag(what, flag)
    check_type("device", device, (str, torch.device), f"one of {DEVICE_NAMES}")
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
        write_json(expanded(json), result.to_json())
    return result


def _subject(source: str | Path | Recipe, name: str | None) -> Subject:
    if not isinstance(source, Recipe):
        source = checked_source("source", source)
    check_type("name", name, (str, type(None)), "a name or None")
    return find_subject(source, name)


def _refuse_int8_twice(subject: Subject, precisions: Sequence[str] | None) -> None:
    """Refuse two precisions for a quantised file, whose rows would have one name."""
    require(
        not subject.quantized or precisions is None or len(precisions) < 2,
        f"{subject.source} is quantised and computes in int8, so that it is measured once: give "
        f"{argument('precisions', option='--precision')} one value, or leave it out",
    )
