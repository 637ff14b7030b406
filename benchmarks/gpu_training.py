"""Training in `gpu.py`: a step beside the same network as one writes it, and CamVid's recipe beside its step alone."""

import json
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from command_line import note, settings_of
from gpu_given import Given, reason_of
from gpu_report import Promise
from peer_inference import Row
from peer_networks import imitate_training
from peer_training import Step
from sceneparse.devices import wait
from versions import call

RECIPE = "camvid-upernet-mobilenetv2"

BATCH = 16

TASK = (
    f"--training.batch={BATCH}",
    "--augmentation.crop=[360,480]",
    "--augmentation.scale=[0.5,2.0]",
    "--network.channels=256",
)
"""The recipe as commit 634fde6 was measured with it."""

BEFORE = 160
"""Pictures a second of commit 634fde6 on an H200, with seven loader workers, two trainings on the card at once."""

WARM, STEPS = 10, 10
"""Steps of a bare training before the clock runs, and in a round of it."""

STARTING = 25.0
"""Seconds that a training takes before its first step and after its last."""

LEAST, MOST, EVERY = 150, 400, 50
"""Iterations of a training at least, at most, and between two lines of its log; of these the first two don't count."""

PLAIN, PLAIN_COMPILED = "plain", "plain, torch.compile"
OURS, OURS_COMPILED = "sceneparse", "sceneparse, training.compile"


def of_training(given: Given) -> Iterator[Promise]:
    """A step.

    First what needs no compiler, of each network; then what is compiled, the form that ours is compared with before our
    own.
    """
    subjects = [_Steps(given, name) for name in (("upernet50",) if given.quick else ("pspnet50", "upernet50"))]
    for subject in subjects:
        yield from subject.measured([OURS, PLAIN])
    for subject in subjects:
        for row in (PLAIN_COMPILED, OURS_COMPILED):
            yield from subject.measured([row])
        subject.steps.clear()
        torch.compiler.reset()


class _Steps:
    """The steps of a network, in all forms.

    Args:
        given: What is measured with.
        name: The network.
    """

    def __init__(self, given: Given, name: str) -> None:
        self.given, self.case = given, given.case(name)
        self.batch = 2 if given.quick else BATCH
        self.state = imitate_training(self.case.ours("exact"), self.case)
        self.steps: dict[str, Step] = {}
        self.times: dict[str, float] = {}
        self.peaks: dict[str, float] = {}
        self.reasons: dict[str, str] = {}

    def measured(self, rows: list[str]) -> Iterator[Promise]:
        """Measure rows beside those that are there; where one cannot be, the others stand."""
        note(f"{self.case.name}, a step of {self.batch}: {', '.join(rows)}")
        made = {}
        for row in rows:
            compiles = row in (PLAIN_COMPILED, OURS_COMPILED)
            reason = self.given.why_not_compiled("training") if compiles else None
            if reason is None:
                try:
                    step = Step(self.case, _row(row, compiles), self.state, str(self.given.device), self.batch)
                    step()
                    made[row] = step
                except Exception as error:  # whatever a compiler raises
                    if not compiles:
                        raise
                    reason = reason_of(error)
            if reason is not None:
                self.reasons[row] = reason
                note(f"  {row}: left out: {reason}")
        if made:
            self.steps |= made
            self.times |= self.given.turns(dict(self.steps))
            self.peaks |= {row: self.given.peak(step) for row, step in made.items()}
        yield from self.promises()

    def promises(self) -> Iterator[Promise]:
        """What is known by now: the better of ours beside the others."""
        name = self.case.name
        ours = [row for row in (OURS, OURS_COMPILED) if row in self.times]
        best = min(ours, key=self.times.__getitem__)
        missing = {row: self.reasons.get(row, "not yet") for row in (PLAIN_COMPILED,) if row not in self.times}
        untried = {row: self.reasons.get(row, "not yet") for row in (OURS_COMPILED,) if row not in self.times}

        def faster(row: str, bound: float) -> Promise:
            what = f"{name}: times as fast as {row}"
            ratio = self.times[row] / self.times[best] if row in self.times else None
            lacks = {} if row in self.times else missing
            return Promise("training", what, ratio, bound, rows=dict(self.times), missing=lacks, untried=untried)

        yield faster(PLAIN, 2.2)
        yield faster(PLAIN_COMPILED, 1.5)
        if self.given.on_gpu:
            least = min(peak for row, peak in self.peaks.items() if row not in ours)
            what, ratio = f"{name}: of the least memory", self.peaks[best] / least
            peaks = dict(self.peaks)
            yield Promise("training", what, ratio, 0.6, at_most=True, rows=peaks, missing=missing, untried=untried)


def _row(name: str, compiles: bool) -> Row:
    return Row(name, "compile" if compiles else "channels-last", "bfloat16")


def of_recipe(given: Given) -> Iterator[Promise]:
    """Training on CamVid."""
    if given.data is None:
        note("recipe: left out; give CamVid's folder by --data")
        return
    words = [*TASK, f"--data.root={given.data}", f"--training.device={given.device}", *given.settings]
    forms = {
        "augmented on the host": ["--data.augment_on=host"],
        "augmented on the device": ["--data.augment_on=device"],
    }
    if given.on_gpu:
        forms["augmented on the host, training.graph"] = ["--data.augment_on=host", "--training.graph=true"]
    alone: dict[bool, float] = {}
    for number, (form, added) in enumerate(forms.items()):
        graphed = "--training.graph=true" in added
        if graphed not in alone:
            alone[graphed] = bare_pace(given, [*words, *(["--training.graph=true"] if graphed else [])])
        bare = alone[graphed]
        limit = given.left / (len(forms) - number)
        reason, pace = None, None
        iterations = min(MOST, int((limit - STARTING) * bare / BATCH) // EVERY * EVERY)
        if iterations < LEAST:
            reason = f"{max(limit, 0):.0f} s are left for it"
        else:
            try:
                pace = trained_pace([*words, *added], iterations, limit)
            except subprocess.TimeoutExpired:
                reason = f"it did not end within {limit:.0f} s"
        row = f"sceneparse train, {form}"
        rows = {"the step alone": bare, "commit 634fde6": float(BEFORE)}
        missing = {}
        if pace is None:
            missing = {row: reason or ""}
            note(f"  {row}: left out: {reason}")
        else:
            rows[row] = pace
            note(f"  pictures a second, {form}: {pace:.0f}; the step alone: {bare:.0f}")
        for than, figure, bound in (("of the bare step's", bare, 0.9), (f"times 634fde6's {BEFORE}", BEFORE, 5.0)):
            what = f"{form}: {than} pictures a second"
            found = None if pace is None else pace / figure
            yield Promise("recipe", what, found, bound, rows=rows, missing=missing)


def bare_pace(given: Given, words: list[str]) -> float:
    """Pictures a second of the recipe's steps on a batch that is there."""
    from sceneparse.recipes import read_recipe
    from sceneparse.training.prepare import prepare
    from sceneparse.training.random_steps import RandomSteps, random_batch

    prepared = prepare(read_recipe(RECIPE, **settings_of([*words, "--data.augment_on=host"])), None, "auto")
    batch, steps = random_batch(prepared, BATCH), RandomSteps(prepared, graphed=True)
    for _ in range(WARM):
        steps(batch)
    paces = []
    for _ in range(given.repeats):
        wait(given.device)
        began = time.perf_counter()
        for _ in range(STEPS):
            steps(batch)
        wait(given.device)
        paces.append(STEPS * BATCH / (time.perf_counter() - began))
    return statistics.median(paces)


def trained_pace(words: list[str], iterations: int, limit: float) -> float:
    """Pictures a second of `sceneparse train`, in the middle of its log's lines.

    Args:
        words: The recipe's settings.
        iterations: How many iterations.
        limit: Seconds that it may take.

    Raises:
        TimeoutExpired: It took longer.
    """
    with TemporaryDirectory() as folder:
        out = Path(folder, "run")
        call(
            Path(__file__).resolve().parents[1] / "src",
            Path(folder),
            *("train", RECIPE, "--out", out, *words),
            *(f"--training.iterations={iterations}", f"--training.log_every={EVERY}"),
            *("--training.validate_every=0", "--training.validate_count=1"),
            timeout=limit,
        )
        lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return statistics.median([line["images_per_second"] for line in lines if "images_per_second" in line][2:])
