"""`sceneparse diagnose` as a function: why a model fails on labelled pictures, as a report and diagnosis.json."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from sceneparse.arguments import check_number, check_type
from sceneparse.calls import by_name
from sceneparse.data import DataSet
from sceneparse.datasets.kinds import of_pictures_alone
from sceneparse.datasets.opening import open_to_learn_from
from sceneparse.datasets.testing import evaluate_command, open_for_testing, open_to_test
from sceneparse.devices import choose_device
from sceneparse.diagnosing.diagnose import Diagnosis, cases_of, diagnose, learn_from, one_case
from sceneparse.diagnosing.example_cards import Again
from sceneparse.diagnosing.origin import Origin
from sceneparse.diagnosing.relations import Relations
from sceneparse.diagnosing.report import DIAGNOSIS_FILE, write_diagnosis
from sceneparse.diagnosing.terminal import print_findings, print_rival
from sceneparse.diagnosing.versus import Opponent
from sceneparse.errors import counted, require
from sceneparse.evaluation.command import (
    check_test,
    folder_of_test,
    machine,
    notes_on,
    protocol_of,
)
from sceneparse.evaluation.comparison import Comparison
from sceneparse.evaluation.facts import EvaluationFacts, keep_earlier, page_facts, title_of
from sceneparse.evaluation.reading import spaced
from sceneparse.files import refuse_unwritable_folder
from sceneparse.inference import EngineName, Opened, TestProtocol
from sceneparse.inference.open_model import Found, checked_source, find_to_open
from sceneparse.inference.protocol_change import protocol_change
from sceneparse.labels.agreement import refuse_other_classes
from sceneparse.paths import expanded
from sceneparse.progress import results_console, working
from sceneparse.recipes.keywords import in_protocol
from sceneparse.settings import DataSettings, Precision
from sceneparse.settings.engine import meant_by
from sceneparse.settings.protocol import ProtocolGiven
from sceneparse.weights.run_folder import names_of_two
from sceneparse.weights.swapped import refuse_swapped
from sceneparse.weights.trained_on import trained_on

LEARNT = 500
"""Training pictures that the relations are learnt from by default."""

READING = ("bands", "ranges")
"""The options of data that say how pictures are read: a model has learnt by its own."""

KEPT = 8
"""Pictures that are kept while the report is written, lest they be tested again for each finding."""


@by_name("diagnose", meant=meant_by, elsewhere=in_protocol("diagnose", ["comparison"]))
def diagnose_model(
    model: str | Path,
    data: str | Path | DataSettings | None = None,
    *,
    kind: str | None = None,
    split: str | None = None,
    comparison: str | Path | None = None,
    out: str | Path | None = None,
    count: int | None = None,
    learn_split: str | None = None,
    learn_count: int = LEARNT,
    protocol: ProtocolGiven | None = None,
    engine: EngineName = "auto",
    device: str = "auto",
    precision: Precision = "auto",
    progress: bool = True,
) -> Diagnosis:
    """Find out why a model fails on labelled pictures, and write a report on it.

    Args:
        model: A model folder, a training's run folder or one of its checkpoints, a published checkpoint's name, a hub
            id, or an exported .xml or .onnx file.
        data: The data set's folder, or all of its settings. Default: the data set that the model was trained on, if
            that needs no folder.
        kind: The data set's kind. Default: the model's.
        split: Split to test on. Default: as in `evaluate_model`.
        comparison: A second model of the same classes, compared picture by picture under the first one's protocol; all
            differences are the first model's figure less the second's. Its pictures are read as it learnt them:
            channels, bands, ranges and windows are its own.
        out: Where diagnosis.json and diagnosis.html go. Default: as in `evaluate_model`, `diagnosis` in place of
            `evaluation`.
        count: Test only so many pictures, evenly spaced.
        learn_split: Split from whose truth is learnt which classes occur together. Default: the model's training split.
        learn_count: So many of its pictures, evenly spaced.
        protocol: How pictures are tested: what differs from the model's protocol, such as `{"flip": True}`, or all of
            it, such as `ProtocolSettings("csail")`, or a function that makes it of the model's. Default: the model's.
        engine: auto, torch, compile, openvino or onnxruntime.
        device: auto, cpu, cuda, cuda:N, mps, xpu or xpu:N.
        precision: auto, float32, tf32 or bfloat16.
        progress: Show progress bars, the findings and the report's path.

    Raises:
        UserError: No such model or data set, models or data of other classes, or a protocol that doesn't hold together.
    """
    model = checked_source("model", model)
    refuse_swapped("diagnose", model, data)
    if comparison is not None:
        comparison = checked_source("comparison", comparison)
    check_test(data, kind, split, out, count, progress)
    check_type("learn_split", learn_split, (str, type(None)), "a name or None")
    check_number("learn_count", learn_count, least=1, whole=True)
    change = protocol_change(protocol)
    names = ("this model", "") if comparison is None else names_of_two(model, comparison)
    found = find_to_open(model, engine=engine, device=device, precision=precision)
    rival = None if comparison is None else find_to_open(comparison, engine=engine, device=device, precision=precision)
    learnt, channels = trained_on(model), found.config.backbone.in_channels
    on = open_to_test(found.config.data, data, kind, split, own=learnt, channels=channels)
    settings, dataset = on.settings, on.dataset
    tested = protocol_of(found.config, change, settings)
    refuse_other_classes(str(model), found.labels, dataset.labels)
    indices = spaced(len(dataset), count)
    theirs = None if rival is None else _as_read_by(rival, str(comparison), settings, dataset, indices)
    part = None if len(indices) == len(dataset) else len(indices)
    folder = expanded(out or folder_of_test(model, "diagnosis", found.config, tested, settings, part))
    refuse_unwritable_folder(folder, DIAGNOSIS_FILE)
    learning = open_to_learn_from(settings, learn_split, channels=channels)
    opened, second = found.open(), None if rival is None else rival.open()
    notes = notes_on(str(model), opened, settings, dataset, on.note, shown=progress)
    relations = learn_from(learning, learn_count, "learning what goes with what" if progress else None)
    test = _Test(indices, tested, relations, progress)
    diagnosis, again = test.run(model, opened, settings, dataset, names[0], notes)
    opponent = None
    if comparison is not None and second is not None and theirs is not None:
        other, other_again = test.run(comparison, second, *theirs, names[1])
        opponent = Opponent(Comparison(names[1], other.evaluation, second.engine), other, other_again)
    own_kind = settings.kind == opened.config.data.kind
    command = evaluate_command(model, settings.root, kind=None if own_kind else settings.kind, split=settings.test)
    origin = replace(Origin.of(model, opened.config), test=command)
    own = page_facts(model, opened.config.name, settings)
    facts = own | _facts(settings, learn_split, relations, opened, origin) | {"machine": machine(choose_device(device))}
    title, name = f"Why it fails: {title_of(model, settings)}", names[0]
    try:
        kept = keep_earlier(folder, DIAGNOSIS_FILE, diagnosis.evaluation.to_json()) if out is None else None
        with working("testing the examples again for the report", shown=progress):
            report = write_diagnosis(
                folder, diagnosis, again, title=title, name=name, opponent=opponent, facts=facts, origin=origin
            )
    finally:  # they took long, and stay whatever could not be written
        if progress:
            if diagnosis.evaluation.doubt is not None:
                print(f"warning: {diagnosis.evaluation.doubt}", file=sys.stderr)
            print_findings(diagnosis, results_console(), origin)
            if opponent is not None:
                print_rival(names[0], diagnosis, opponent, results_console())
    if progress:
        if kept is not None:
            print(f"note: {kept}", file=sys.stderr)
        print(f"findings: {folder / DIAGNOSIS_FILE}\nreport:   {report}")
    return replace(diagnosis, report=report)


@dataclass(frozen=True)
class _Test:
    """What models are tested on, and how."""

    indices: Sequence[int]
    protocol: TestProtocol
    relations: Relations
    progress: bool

    def run(
        self,
        model: str | Path,
        opened: Opened,
        settings: DataSettings,
        dataset: DataSet,
        name: str,
        notes: tuple[str, ...] = (),
    ) -> tuple[Diagnosis, Again]:
        """A model's diagnosis on the pictures as it reads them, and what tests one of them again."""
        title = f"testing {name}" if self.progress else None
        cases = cases_of(opened.engine, dataset, self.indices, self.protocol, title)
        sizes = opened.config.sizes if of_pictures_alone(settings) else None
        diagnosis = diagnose(cases, dataset.labels, self.relations, self.protocol, sizes)
        if left_out := len(self.indices) - len(diagnosis.evaluation.pictures):
            which = f"{left_out:,} of {counted(len(self.indices), 'picture')}"
            notes = (*notes, f"{which} are left out, which have no labels of objects")
            if self.progress:
                print(f"note: {notes[-1]}", file=sys.stderr)
        facts = EvaluationFacts.of(model, settings, opened)
        diagnosis = replace(diagnosis, evaluation=replace(diagnosis.evaluation, facts=facts, notes=notes))
        # One picture is often an example of several findings.
        again = lru_cache(KEPT)(lambda index: one_case(opened.engine, dataset, index, self.protocol))
        return diagnosis, again


def _as_read_by(
    model: Found, name: str, settings: DataSettings, dataset: DataSet, indices: Sequence[int]
) -> tuple[DataSettings, DataSet]:
    """A data set and its settings as a second model reads it: by its own channels, bands, ranges and windows.

    Args:
        model: The second model.
        name: What the command was given for it.
        settings: What the data set was opened by for the first one.
        dataset: The data set as that reads it.
        indices: The pictures that both are tested on.

    Raises:
        UserError: It has other classes, or the pictures cannot be had as it reads them.
    """
    own = model.config.data
    if own.kind == settings.kind:
        options = {key: value for key, value in settings.options.items() if key not in READING}
        options |= {key: value for key, value in own.options.items() if key in READING}
        nifti = replace(settings.nifti, modalities=own.nifti.modalities, windows=own.nifti.windows)
        settings = replace(settings, range=own.range, nifti=nifti, options=options)
    found = open_for_testing(settings, channels=model.config.backbone.in_channels)
    refuse_other_classes(name, model.labels, found.labels)
    require(
        len(found) == len(dataset) and all(found.name(index) == dataset.name(index) for index in indices),
        f"{name}: as it reads the data, they have other pictures than for the first model: compare models of the same",
    )
    _ = found[indices[0]]  # what cannot be read for it is said before the first model is tested
    return settings, found


def _facts(
    settings: DataSettings, learn_split: str | None, relations: Relations, opened: Opened, origin: Origin
) -> dict[str, str]:
    """What the report says at its head, by name."""
    facts = {
        "learnt from": f"{counted(relations.pictures, 'picture')} of the {learn_split or settings.train} split",
        "engine": opened.engine.describe(),
    }
    return facts if origin.run is None else facts | {"training": origin.describe()}
