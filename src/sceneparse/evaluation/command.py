"""`sceneparse evaluate` as a function: score a model on a split under a protocol, and write the results."""

import platform
import sys
from dataclasses import replace
from pathlib import Path

import torch

from sceneparse.arguments import argument, check_flag, check_number, check_type
from sceneparse.calls import by_name
from sceneparse.data.notes import short_notes
from sceneparse.data.sample import DataSet, notes_of, tasks_of
from sceneparse.datasets.kinds import of_pictures_alone
from sceneparse.datasets.testing import open_to_test
from sceneparse.devices import choose_device, device_name
from sceneparse.errors import counted, require
from sceneparse.evaluation.evaluate import Evaluation, evaluate
from sceneparse.evaluation.facts import EvaluationFacts, keep_earlier, learnt_from, page_facts, title_of
from sceneparse.evaluation.protocol_names import name_of_change
from sceneparse.evaluation.reading import readers_for, spaced
from sceneparse.evaluation.report import METRICS_FILE, write_report
from sceneparse.evaluation.terminal import print_scores
from sceneparse.files import refuse_unwritable_folder
from sceneparse.inference import EngineName, Opened, TestProtocol, resolve
from sceneparse.inference.open_model import checked_source, find_to_open
from sceneparse.inference.protocol_change import protocol_change
from sceneparse.labels.agreement import refuse_other_classes, refuse_other_tasks
from sceneparse.paths import expanded
from sceneparse.processes import join
from sceneparse.progress import results_console
from sceneparse.recipes.keywords import in_protocol
from sceneparse.settings import DataSettings, Precision, ProtocolSettings
from sceneparse.settings.device import DEVICE_NAMES
from sceneparse.settings.engine import meant_by
from sceneparse.settings.protocol import ProtocolChange, ProtocolGiven
from sceneparse.weights.config import ModelConfig
from sceneparse.weights.run_folder import METRICS, beside, named_folder
from sceneparse.weights.swapped import refuse_swapped
from sceneparse.weights.trained_on import trained_on


@by_name("evaluate", meant=meant_by, elsewhere=in_protocol("evaluate"))
def evaluate_model(
    model: str | Path,
    data: str | Path | DataSettings | None = None,
    *,
    kind: str | None = None,
    split: str | None = None,
    out: str | Path | None = None,
    count: int | None = None,
    protocol: ProtocolGiven | None = None,
    engine: EngineName = "auto",
    device: str = "auto",
    precision: Precision = "auto",
    progress: bool = True,
) -> Evaluation:
    """Score a model on labelled pictures.

    Started in several processes (`sceneparse evaluate --devices N`, torchrun, srun), all of them call this: they share
    the pictures, and the first one writes. The figures are one process's.

    Args:
        model: A model folder, a training's run folder or one of its checkpoints, a published checkpoint's name, a hub
            id, or an exported .xml or .onnx file.
        data: The data set's folder, or all of its settings. Default: the data set that the model was trained on, if
            that needs no folder.
        kind: As in `data.kind`. Default: the model's.
        split: Split to test on. Default: the model's test split, or, where the data that it was trained on have none,
            its validation split, which a note says; of another kind of data set the one that papers report on.
        out: Where metrics.json and report.html go. Default: `evaluation` in the model's run, NAME-evaluation beside
            any other model folder or file, or here for a model by its name. So that a whole test by the model's own
            protocol stays, another protocol's folder says what is changed, such as `evaluation-size-480-flip`, and one
            of only N pictures ends in their number, such as `evaluation-20`. A test of other data that is there by
            default is kept as `evaluation-before`.
        count: Test only so many pictures, evenly spaced.
        protocol: How pictures are tested: what differs from the model's protocol, such as `{"flip": True}`, or all of
            it, such as `ProtocolSettings("csail")`, or a function that makes it of the model's. Default: the model's.
        engine: auto, torch, compile, openvino or onnxruntime.
        device: auto, cpu, cuda, cuda:N, mps, xpu or xpu:N.
        precision: auto, float32, tf32 or bfloat16.
        progress: Show a progress bar, the table and the report's path.

    Raises:
        UserError: No such model or data set, or a protocol that doesn't hold together.
    """
    model = checked_source("model", model)
    refuse_swapped("evaluate", model, data)
    check_test(data, kind, split, out, count, progress)
    change = protocol_change(protocol)
    check_type("device", device, (str, torch.device), f"one of {DEVICE_NAMES}")
    where = choose_device(device)
    processes = join(where.type)
    require(
        processes.world == 1 or where.index is None,
        f"{argument('device', device)} is one device for {processes.world} processes: give {where.type}",
    )
    # One after the other: what the first fetches or converts is kept, and need not be fetched or converted again.
    with processes.first_before_others():
        own = device if processes.world == 1 else processes.device
        found = find_to_open(model, engine=engine, device=own, precision=precision)
    learnt, channels = trained_on(model), found.config.backbone.in_channels
    on = open_to_test(found.config.data, data, kind, split, own=learnt, channels=channels)
    settings, dataset = on.settings, on.dataset
    tested = protocol_of(found.config, change, settings)
    refuse_other_classes(str(model), found.labels, dataset.labels)
    refuse_other_tasks(str(model), found.tasks, tasks_of(dataset))
    scored = len(spaced(len(dataset), count))
    part = None if scored == len(dataset) else scored
    folder = expanded(out or folder_of_test(model, "evaluation", found.config, tested, settings, part))
    if processes.first:
        refuse_unwritable_folder(folder, METRICS_FILE)
    with processes.first_before_others():
        opened = found.open()
    fingerprints = processes.gather(torch.tensor([[int(opened.fingerprint[:15], 16)]]))
    require(
        bool((fingerprints == fingerprints[0]).all()),
        f"{model}: the processes found different models in it, since its training goes on: start again",
    )
    notes = notes_on(str(model), opened, settings, dataset, on.note, shown=progress and processes.first)
    title = title_of(model, settings)
    evaluation = evaluate(
        opened.engine,
        dataset,
        tested,
        tasks=opened.tasks,
        sizes=opened.config.sizes if of_pictures_alone(settings) else None,
        count=count,
        progress=title if progress and processes.first else None,
        processes=processes,
        readers=readers_for(settings, where.type),
    )
    evaluation = replace(evaluation, facts=EvaluationFacts.of(model, settings, opened), notes=notes)
    if not processes.first:
        return evaluation
    portion = "" if part is None else f"{scored} of its {len(dataset):,} pictures"
    facts = {
        **page_facts(model, opened.config.name, settings, portion),
        "engine": opened.engine.describe(),
        "machine": machine(where) + (f", {processes.world} processes" if processes.world > 1 else ""),
    }
    near = named_folder(model)
    run = near.parent if near is not None and (near.parent / METRICS).is_file() else None
    try:
        kept = keep_earlier(folder, METRICS_FILE, evaluation.to_json()) if out is None else None
        report = write_report(folder, evaluation, opened.engine, dataset, title=title, run=run, facts=facts)
    finally:  # they took long, and stay whatever could not be written
        if progress:
            if evaluation.doubt is not None:
                print(f"warning: {evaluation.doubt}", file=sys.stderr)
            print_scores(evaluation, results_console())
    if progress:
        if kept is not None:
            print(f"note: {kept}", file=sys.stderr)
        print(f"metrics: {folder / METRICS_FILE}\nreport:  {report}")
    return replace(evaluation, report=report)


def check_test(
    data: str | Path | DataSettings | None,
    kind: str | None,
    split: str | None,
    out: str | Path | None,
    count: int | None,
    progress: bool,
) -> None:
    """Refuse arguments that no test of a model can take, before the model is opened; all are those of `evaluate_model`.

    Raises:
        UserError: One of them is of another type, or out of its bounds.
    """
    check_type("data", data, (str, Path, DataSettings, type(None)), "the data set's folder, or DataSettings")
    for name, text in (("kind", kind), ("split", split)):
        check_type(name, text, (str, type(None)), "a name or None")
    check_type("out", out, (str, Path, type(None)), "a folder or None")
    if count is not None:
        check_number("count", count, least=1, whole=True)
    check_flag("progress", progress)


def notes_on(
    model: str,
    opened: Opened,
    settings: DataSettings,
    dataset: DataSet,
    other_split: str | None = None,
    *,
    shown: bool,
) -> tuple[str, ...]:
    """Return what is to be known of the data that a model is tested on, and say it.

    Args:
        model: What the command was given.
        opened: The model.
        settings: What the data set was opened by.
        dataset: The data set.
        other_split: What is to be said of the choice of its split.
        shown: Whether it is said on standard error.
    """
    learnt = learnt_from(model, opened.config.data, settings)
    notes = (*short_notes(notes_of(dataset)), *filter(None, (other_split, learnt)))
    for note in notes if shown else ():
        print(f"note: {note}", file=sys.stderr)
    return notes


def protocol_of(
    config: ModelConfig, protocol: ProtocolSettings | ProtocolChange | None, data: DataSettings
) -> TestProtocol:
    """Return the protocol under which a model is tested.

    Args:
        config: The model's settings.
        protocol: All of it, or what makes it of the model's; None for the model's.
        data: What it is tested on: rasters and volumes are never brought to the scale of the pictures that it learnt.

    Raises:
        UserError: A protocol that doesn't hold together, or that is no protocol.
    """
    settings = config.protocol if protocol is None else protocol(config.protocol) if callable(protocol) else protocol
    found = resolve(settings, config.sizes)
    return found if of_pictures_alone(data) else found.at_own_size()


def folder_of_test(
    model: str | Path, what: str, config: ModelConfig, tested: TestProtocol, data: DataSettings, part: int | None
) -> Path:
    """Return where what is found out by a test goes by default: `what` is kept for whole tests by the model's protocol.

    Args:
        model: What the command was given.
        what: "evaluation" or "diagnosis".
        config: The model's settings.
        tested: The protocol of the test.
        data: What it is tested on.
        part: How many pictures are tested; None for all.

    Returns:
        Such as runs/a/evaluation, runs/a/evaluation-size-480, or runs/a/evaluation-csail-20 of 20 pictures.
    """
    sizes = config.sizes if of_pictures_alone(data) else None
    changed = name_of_change(tested, protocol_of(config, None, data), sizes)
    return beside(model, "-".join(filter(None, (what, changed, "" if part is None else str(part)))))


def machine(device: torch.device) -> str:
    """Return the name of the machine that computes, to stand beside figures: the GPU's, or the CPU's with its threads.

    Args:
        device: Where it computes.
    """
    if device.type != "cpu":
        return device_name(device)
    return f"{platform.machine()} CPU, {counted(torch.get_num_threads(), 'thread')}"
