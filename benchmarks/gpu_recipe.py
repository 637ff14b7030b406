"""CamVid's recipe in `gpu.py`: a whole training's pace beside that of its step alone."""

import json
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from command_line import note, recipe_of
from gpu_given import Given
from gpu_report import Promise
from gpu_training import BATCH
from sceneparse.devices import wait
from versions import call

RECIPE = "camvid-upernet-mobilenetv2"

TASK = ("--augmentation.crop=[360,480]", "--augmentation.scale=[0.5,2.0]", "--network.channels=256")
"""The recipe as commit 634fde6 was measured with it."""

QUICK_TASK = ("--augmentation.crop=[32,64]", "--network.channels=8", "--data.workers=0")

BEFORE = 160
"""Pictures a second of commit 634fde6 on an H200, with seven loader workers, two trainings on the card at once."""

WARM, STEPS = 10, 10
"""Steps of a bare training before the clock runs, and in a round of it."""

STARTING, ENDING = 25.0, 5.0
"""Seconds that a training takes before its first step and after its last, and in which one that is late is ended."""

LEAST, MOST, EVERY = 150, 400, 50
"""Iterations of a training at least, at most, and between two lines of its log; of these the first two don't count."""

QUICK_LENGTH = (3, 3, 1)
"""The same in the quick form."""

HOST, DEVICE, GRAPH = (
    "sceneparse train, augmented on the host",
    "sceneparse train, augmented on the device",
    "sceneparse train, augmented on the host, training.graph",
)
ALONE, ALONE_GRAPHED = "the step alone", "the step alone, training.graph"


def of_recipe(given: Given) -> Iterator[Promise]:
    """Training on CamVid."""
    measured = _Recipe(given)
    yield from measured.promises()
    for form in measured.forms:
        if measured.kept():
            measured.reasons[form] = "what is promised is kept without it"
        else:
            measured.measure(form)
        yield from measured.promises()


class _Recipe:
    """Forms of CamVid's recipe, of which the better one counts: its pace beside that of its own step alone.

    Args:
        given: What is measured with.
    """

    def __init__(self, given: Given) -> None:
        self._given = given
        self._words = [] if given.data is None else words_of(given)
        self.forms: dict[str, list[str]] = {}
        if given.data is not None:
            self.forms[HOST] = ["--data.augment_on=host"]
            # A process takes many seconds: the quick form has one.
            if not given.quick:
                self.forms[DEVICE] = ["--data.augment_on=device"]
            if given.on_gpu:
                self.forms[GRAPH] = ["--data.augment_on=host", "--training.graph=true"]
        self.paces: dict[str, float] = {}
        self.alone: dict[str, float] = {}
        nothing = "give CamVid's folder by --data" if given.data is None else "it was not come to"
        self.reasons = dict.fromkeys(self.forms or [HOST], nothing)

    def measure(self, form: str) -> None:
        """Measure a form, or say why not; the first is given all the time that is left."""
        alone = ALONE_GRAPHED if form == GRAPH else ALONE
        if alone not in self.alone:
            self.alone[alone] = bare_pace(self._given, [*self._words, *(self.forms[form] if form == GRAPH else [])])
        limit = self._given.left - ENDING
        least, most, every = QUICK_LENGTH if self._given.quick else (LEAST, MOST, EVERY)
        batch = _batch(self._given)
        iterations = min(most, int((limit - STARTING) * self.alone[alone] / batch) // every * every)
        if iterations < least:
            self.reasons[form] = f"{max(limit, 0):.0f} s are left for it"
        else:
            try:
                pace = trained_pace([*self._words, *self.forms[form]], iterations, every, limit)
            except subprocess.TimeoutExpired:
                self.reasons[form] = f"it did not end within {limit:.0f} s"
            else:
                del self.reasons[form]
                self.paces[form] = pace
                note(f"  pictures a second, {form}: {pace:.0f}; {alone}: {self.alone[alone]:.0f}")
                return
        note(f"  {form}: left out: {self.reasons[form]}")

    def kept(self) -> bool:
        """Whether no other form is needed."""
        return all(promise.kept for promise in self.promises())

    def promises(self) -> list[Promise]:
        """What is known by now."""
        shares = [pace / self.alone[ALONE_GRAPHED if form == GRAPH else ALONE] for form, pace in self.paces.items()]
        times = [pace / BEFORE for pace in self.paces.values()]
        rows = {**self.paces, **self.alone, "commit 634fde6": float(BEFORE)}
        return [
            Promise(
                "recipe",
                f"{RECIPE}: {what} pictures a second",
                max(found, default=None),
                bound,
                rows=rows,
                unit="pictures/s",
                untried=dict(self.reasons),
            )
            for what, found, bound in ((f"of {ALONE}'s", shares, 0.9), (f"times 634fde6's {BEFORE}", times, 5.0))
        ]


def words_of(given: Given) -> list[str]:
    """The recipe's settings: as commit 634fde6 was measured, small in the quick form, and what was given.

    Pretrained weights would have to be downloaded, and make no step faster.
    """
    words = [*(QUICK_TASK if given.quick else TASK), "--backbone.weights=null", f"--training.batch={_batch(given)}"]
    return [*words, f"--data.root={given.data}", f"--training.device={given.device}", *given.settings]


def _batch(given: Given) -> int:
    return 2 if given.quick else BATCH


def bare_pace(given: Given, words: list[str]) -> float:
    """Pictures a second of the recipe's steps on a batch that is there."""
    from sceneparse.training.prepare import prepare
    from sceneparse.training.random_steps import RandomSteps, random_batch

    prepared = prepare(recipe_of(RECIPE, [*words, "--data.augment_on=host"]), None, "auto")
    size = _batch(given)
    batch, steps = random_batch(prepared, size), RandomSteps(prepared, graphed=True)
    warm, count = (1, 1) if given.quick else (WARM, STEPS)
    for _ in range(warm):
        steps(batch)
    paces = []
    for _ in range(given.repeats):
        wait(given.device)
        began = time.perf_counter()
        for _ in range(count):
            steps(batch)
        wait(given.device)
        paces.append(count * size / (time.perf_counter() - began))
    return statistics.median(paces)


def trained_pace(words: list[str], iterations: int, every: int, limit: float) -> float:
    """Pictures a second of `sceneparse train`, in the middle of its log's lines.

    Args:
        words: The recipe's settings.
        iterations: How many iterations.
        every: Iterations between two lines.
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
            *(f"--training.iterations={iterations}", f"--training.log_every={every}"),
            *("--training.validate_every=0", "--training.validate_count=1"),
            timeout=limit,
        )
        lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return statistics.median([line["images_per_second"] for line in lines if "images_per_second" in line][2:])
