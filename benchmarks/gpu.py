"""What is promised on a GPU, all of it on one card in one run.

    python benchmarks/gpu.py --data CamVid --backbone.weights=FILE
    python benchmarks/gpu.py labels loss inference

Needs `pip install 'sceneparse[bench]'`; training on CamVid needs its folder, and nothing to be downloaded where the
weights of the backbone are given. All else is made up. The sections, which can be named, are:

    labels      upsampling and argmax, and what they take of memory, beside interpolate + argmax
    loss        upsampling and cross-entropy, forward and backward, beside interpolate + cross_entropy
    agreement   labels of both formats beside those of the CPU's float32
    recipe      sceneparse train on CamVid: pictures a second, beside its step alone
    training    a step of 16 pictures beside the same network as one writes it, with and without torch.compile
    inference   pictures to labels, batches of 1 and 16, beside other networks and forms; the first answer of a new size

Most of the time is torch.compile's. All ends within --minutes: what cannot be compiled in the time that is left is not
compared with, and it says so. Forms take turns; a time is the median. Each promise is a line: what was found, and what
it has to be. The exit status is 1 where one is not kept, or a section failed. Each section has a process of its own, so
that one that fails costs none of the others, and --json is written after each promise. The quick form runs small
networks on the CPU, in one process, where it promises nothing.
"""

import json
import os
import statistics
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple

import torch
from torch import Tensor

import agreement
import loss as losses
from command_line import STDOUT, command_line, note, parsed_with_settings, settings_of, write_figures
from gpu_report import Promise, Report, measure_apart
from peer_inference import Row
from peer_networks import CASES, PEERS, PREPROCESSING, Case, Labeller, imitate_training
from sceneparse.benching.timing import take_turns
from sceneparse.devices import choose_device, device_name
from sceneparse.inference import TestProtocol, label, make_engine
from sceneparse.inference.engine import TaskEngine, TorchEngine
from sceneparse.inference.scoring import label_batch
from sceneparse.networks import resize
from sceneparse.networks.exact.argmax import upsampled_labels
from versions import call

RECIPE = "camvid-upernet-mobilenetv2"
BEFORE = 160
"""Pictures a second of commit 634fde6 on an H200, with batch 16 and seven loader workers."""

COMPILING = {"default": 40.0, "reduce-overhead": 60.0, "max-autotune": 240.0, "training": 100.0}
"""Seconds that torch.compile may take, by its mode; a training step has two graphs."""

COMPILED = "sceneparse --engine compile"


class Given(NamedTuple):
    """What is measured with.

    Args:
        device: Where.
        quick: Whether networks are small and nothing is compiled.
        repeats: Rounds.
        data: CamVid's folder, or None.
        settings: Of the recipe, as they were given.
        until: When all has to be done, by `time.monotonic()`.
    """

    device: torch.device
    quick: bool
    repeats: int
    data: Path | None
    settings: list[str]
    until: float

    def can_compile(self, mode: str, what: str) -> bool:
        """Whether there is time to compile something; where there is none, it is said."""
        left = self.until - time.monotonic()
        if left < COMPILING[mode]:
            note(f"  {what}: left out, since {left:.0f} s are left, and compiling it may take {COMPILING[mode]:.0f}")
        return left >= COMPILING[mode]

    @property
    def on_gpu(self) -> bool:
        """Whether memory of the device can be measured."""
        return self.device.type == "cuda"

    def case(self, name: str) -> Case:
        """A network, a small one in the quick form."""
        return CASES[name].quick() if self.quick else CASES[name]

    def turns(self, forms: dict[str, Callable[[], object]]) -> dict[str, float]:
        """Median milliseconds of forms."""
        times = take_turns(forms, self.device, self.repeats, 1 if self.quick else 3, lambda _: None)
        medians = {name: statistics.median(one) for name, one in times.items()}
        for name, value in medians.items():
            note(f"  {name}: {value:.3f} ms")
        return medians

    def peak(self, run: Callable[[], object]) -> float:
        """Bytes that a function takes on the device at most, beyond what is there."""
        if not self.on_gpu:
            return 0.0
        torch.cuda.synchronize(self.device)
        torch.cuda.reset_peak_memory_stats(self.device)
        before = torch.cuda.memory_allocated(self.device)
        run()
        torch.cuda.synchronize(self.device)
        return float(torch.cuda.max_memory_allocated(self.device) - before)


def of_labels(given: Given) -> Iterator[Promise]:
    """Upsampling and argmax."""
    batch, classes, small, large = (2, 12, 8, 64) if given.quick else (16, 150, 60, 473)
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(batch, classes, 6, 6, generator=generator)
    logits = 4 * resize(coarse, (small, small), False) + torch.randn(batch, classes, small, small, generator=generator)
    logits = logits.to(given.device, torch.bfloat16).contiguous(memory_format=torch.channels_last)
    size = (large, large)
    forms: dict[str, Callable[[], Tensor]] = {
        "sceneparse": lambda: upsampled_labels(logits, size, False),
        "interpolate + argmax": lambda: resize(logits, size, False).argmax(dim=1),
    }
    ours, theirs = given.turns(dict(forms)).values()
    yield Promise("labels", "times as fast as interpolate + argmax", theirs / ours, 5)
    if given.on_gpu:
        own, other = (given.peak(form) for form in forms.values())
        yield Promise("labels", "of its memory", own / other, 0.1, at_most=True)
    exact = resize(logits.float(), size, False).argmax(dim=1)
    yield Promise("labels", "equal to float32's", float((forms["sceneparse"]() == exact).float().mean()), 0.9999)


def of_loss(given: Given) -> Iterator[Promise]:
    """Upsampling and cross-entropy."""
    shape = (12, 2, (8, 8), (64, 64)) if given.quick else (150, 16, (60, 60), (473, 473))
    case = losses.Case(*shape, "bfloat16", str(given.device))
    found = losses.measured(case, "cross_entropy", given.repeats, memory=given.on_gpu)
    note(f"  sceneparse: {found['banded_ms']} ms; interpolate + cross_entropy: {found['plain_ms']} ms")
    yield Promise("loss", "times as fast as interpolate + cross_entropy", found["ratio"], 5)
    if given.on_gpu:
        yield Promise("loss", "of its memory", found["banded_mib"] / found["plain_mib"], 0.1, at_most=True)


def of_agreement(given: Given) -> Iterator[Promise]:
    """Labels beside the CPU's."""
    for name in ("upernet50",) if given.quick else ("pspnet50", "upernet50", "fcn50"):
        subject = agreement.random_subject(given.case(name))
        exact = {
            device: TorchEngine(subject.network, subject.preprocessing, device=device, precision="float32")
            for device in ("cpu", given.device)
        }
        labels = [
            torch.cat([label(engine, one[0], TestProtocol()) for one in subject.pictures]) for engine in exact.values()
        ]
        equal = float((labels[0] == labels[1]).float().mean())
        yield Promise("agreement", f"{name}, float32: of the CPU's", equal, 0.9999)
        written, *rows = agreement.compared(subject, "bfloat16", given.device, ("torch",))
        ours = next(row for row in rows if row.row == "torch, exact")
        yield Promise("agreement", f"{name}, bfloat16: beyond as written", ours.equal - written.equal, 0)


def of_inference(given: Given) -> Iterator[Promise]:
    """Pictures to labels."""
    for name in ("upernet50",) if given.quick else ("pspnet50", "upernet50"):
        case = given.case(name)
        state = imitate_training(case.ours("exact"), case)
        for batch, bound in ((1, 2.0), (2 if given.quick else 16, 1.3)):
            note(f"{name}, batch {batch}")
            pictures = case.picture(batch)
            engine = _engine(case, state, given.device)
            forms: dict[str, Callable[[], object]] = {"sceneparse": _ours(engine, pictures)}
            for row, mode in _rows(case, given):
                if mode is not None and not given.can_compile(mode, row.name):
                    continue
                try:
                    if row.name == COMPILED:
                        form = _ours(_engine(case, state, given.device, "compile"), pictures)
                    else:
                        form = _theirs(case, row, state, pictures, given.device, mode)
                    forms[row.name] = form
                    form()
                except Exception as error:  # whatever a compiler raises
                    forms.pop(row.name, None)
                    note(f"  {row.name}: {(str(error).splitlines() or [type(error).__name__])[0][:150]}")
            times = given.turns(forms)
            note(f"  sceneparse: {engine.describe()}")
            ours = {row: times.pop(row) for row in ("sceneparse", COMPILED) if row in times}
            assert times, "nothing to compare with"
            for form_name, milliseconds in ours.items():
                what = f"{name}, batch {batch}: {form_name}: times as fast as the fastest of {len(times)}"
                yield Promise("inference", what, min(times.values()) / milliseconds, bound)
            torch.compiler.reset()
        what = f"{name}: seconds to a new size's first answer"
        yield Promise("inference", what, _first(case, given), 1.5, at_most=True)


def _rows(case: Case, given: Given) -> list[tuple[Row, str | None]]:
    """What ours is compared with, and how it is compiled."""
    rows: list[tuple[Row, str | None]] = [(Row("plain, channels-last", "channels-last", "bfloat16"), None)]
    if given.quick:
        return rows
    rows.append((Row("plain, torch.compile reduce-overhead", "compile", "bfloat16"), "reduce-overhead"))
    rows.append((Row(COMPILED, "compile", "bfloat16"), "default"))
    for peer in ("transformers UperNet", "torchvision FCN"):
        if peer in case.peers or peer == "torchvision FCN":
            rows.append((Row(f"{peer}, torch.compile", "compile", "bfloat16", shares=peer in case.peers), "default"))
    rows.append((Row("plain, torch.compile max-autotune", "compile", "bfloat16"), "max-autotune"))  # for minutes
    return rows


def _engine(
    case: Case, state: dict[str, Tensor], device: torch.device, engine: Literal["torch", "compile"] = "torch"
) -> TaskEngine:
    network = case.ours("exact")
    network.load_state_dict(state)
    return make_engine(network, PREPROCESSING, engine=engine, device=device, precision="bfloat16")


def _ours(engine: TaskEngine, pictures: Tensor) -> Callable[[], object]:
    if len(pictures) == 1:
        return lambda: label(engine, pictures[0], TestProtocol())
    return lambda: label_batch(engine, pictures)


def _theirs(
    case: Case, row: Row, state: dict[str, Tensor], pictures: Tensor, device: torch.device, mode: str | None
) -> Callable[[], object]:
    peer = PEERS.get(row.network)
    network = case.ours("plain") if peer is None else peer.make(case)
    if peer is None:
        network.load_state_dict(state)
    elif row.shares:
        peer.load(network, state)
    network = network.eval().requires_grad_(False).to(device, torch.bfloat16).to(memory_format=torch.channels_last)
    multiple = 1 if peer is None else peer.multiple
    function: Callable[[Tensor], Tensor] = Labeller(network, torch.bfloat16, multiple, "labels", torch.channels_last)
    if mode is not None:
        function = torch.compile(function, dynamic=False, mode=mode)

    @torch.inference_mode()
    def run() -> Tensor:
        return function(pictures.to(device)).to(torch.int16).cpu()

    return run


def _first(case: Case, given: Given) -> float:
    """The longest time to the labels of a size that was not met before."""
    engine = make_engine(case.ours("exact"), PREPROCESSING, engine="torch", device=given.device)
    longest = 0.0
    for more in (0, 32, 64, 37):
        picture = resize(case.picture()[:1].float(), (case.side + more, case.side + 2 * more), False)[0].to(torch.uint8)
        began = time.perf_counter()
        label(engine, picture, TestProtocol())
        # The very first answer loads libraries.
        longest = max(longest, time.perf_counter() - began) if more else 0.0
    return longest


def of_training(given: Given) -> Iterator[Promise]:
    """A step."""
    from peer_training import Step

    batch = 2 if given.quick else 16
    for name in ("upernet50",) if given.quick else ("pspnet50", "upernet50"):
        note(f"{name}, a step of {batch}")
        case = given.case(name)
        state = imitate_training(case.ours("exact"), case)
        rows = {one: Row(one, "channels-last", "bfloat16") for one in ("sceneparse", "plain")}
        steps = {one: Step(case, row, state, str(given.device), batch) for one, row in rows.items()}
        compares = not given.quick and given.can_compile("training", "plain, torch.compile")
        if compares:
            compiled = Step(case, rows["plain"], state, str(given.device), batch)
            compiled.loss = torch.compile(compiled.loss)
            steps["plain, torch.compile"] = compiled
        times = given.turns(dict(steps))
        ours = times["sceneparse"]
        yield Promise("training", f"{name}: times as fast as plain", times["plain"] / ours, 2.2)
        if compares:
            what = f"{name}: times as fast as plain, torch.compile"
            yield Promise("training", what, times["plain, torch.compile"] / ours, 1.5)
        if given.on_gpu:
            peaks = {one: given.peak(step) for one, step in steps.items()}
            least = min(value for one, value in peaks.items() if one != "sceneparse")
            yield Promise("training", f"{name}: of the least memory", peaks["sceneparse"] / least, 0.6, at_most=True)
        torch.compiler.reset()


def of_recipe(given: Given) -> Iterator[Promise]:
    """Training on CamVid."""
    if given.data is None:
        note("recipe: left out; give CamVid's folder by --data")
        return
    from sceneparse.recipes import read_recipe
    from sceneparse.training.batch_size import random_batch, random_step
    from sceneparse.training.prepare import prepare

    words = [f"--data.root={given.data}", f"--training.device={given.device}", "--training.batch=16", *given.settings]
    recipe = read_recipe(RECIPE, **settings_of(words))
    prepared = prepare(recipe, None, "auto")
    batch = random_batch(prepared, 16)
    random_step(prepared, 16, batch)
    paces = []
    for _ in range(given.repeats):
        began = time.perf_counter()
        for _ in range(10):
            random_step(prepared, 16, batch)
        if given.on_gpu:
            torch.cuda.synchronize(given.device)
        paces.append(160 / (time.perf_counter() - began))
    bare = statistics.median(paces)
    for where in ("host", "device"):
        with TemporaryDirectory() as folder:
            out = Path(folder, "run")
            call(
                Path(__file__).resolve().parents[1] / "src",
                Path(folder),
                *("train", RECIPE, "--out", out, *words),
                *(f"--data.augment_on={where}", "--training.iterations=400", "--training.log_every=50"),
                *("--training.validate_every=0", "--training.validate_count=1"),
            )
            lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
        pace = statistics.median([line["images_per_second"] for line in lines if "images_per_second" in line][2:])
        note(f"  pictures a second, augmented on the {where}: {pace:.0f}; the step alone: {bare:.0f}")
        yield Promise("recipe", f"augmented on the {where}: of the bare step's pictures a second", pace / bare, 0.9)
        yield Promise("recipe", f"augmented on the {where}: times commit 634fde6's {BEFORE} a second", pace / BEFORE, 5)


SECTIONS: dict[str, Callable[[Given], Iterator[Promise]]] = {
    "labels": of_labels,
    "loss": of_loss,
    "agreement": of_agreement,
    "recipe": of_recipe,
    "training": of_training,
    "inference": of_inference,
}


def main() -> int:
    parser = command_line(__doc__)
    parser.add_argument("section", nargs="*", help="which (default: all)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="CamVid's folder")
    parser.add_argument("--repeats", type=int, default=15, help="rounds (default: 15)")
    parser.add_argument("--device", default="cuda", help="cuda or cuda:N (default: cuda)")
    parser.add_argument("--minutes", type=float, default=6.0, help="within which all is done (default: 6)")
    given, settings = parsed_with_settings(parser, {"device": "cpu", "repeats": 1})
    if unknown := set(given.section) - set(SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))}: there are {', '.join(SECTIONS)}")
    os.environ.setdefault("TORCHINDUCTOR_MAX_AUTOTUNE_REPORT_CHOICES_STATS", "0")  # else it prints page after page
    until = time.monotonic() + 60 * given.minutes
    with_what = Given(choose_device(given.device), given.quick, given.repeats, given.data, settings, until)
    report = Report(device_name(with_what.device), None if given.json == STDOUT else given.json)
    sections = given.section or list(SECTIONS)
    for name in sections:
        if given.quick or len(sections) == 1:
            measure(name, with_what, report)
        else:
            words = ["--device", str(with_what.device), "--repeats", str(given.repeats)]
            words += [] if given.data is None else ["--data", str(given.data)]
            # A compiler that has begun is let go on for a while.
            measure_apart(__file__, name, [*words, *settings], report, until, patience=COMPILING["default"])
    write_figures(report.figures(), given.json, report.show)
    kept = all(promise.kept for promise in report.promises)
    return 0 if not report.failed and (given.quick or kept) else 1


def measure(section: str, given: Given, report: Report) -> None:
    """Measure what a section promises; where it fails, what it found before that stays, and why is written down."""
    note(f"{section}:")
    try:
        for promise in SECTIONS[section](given):
            note(f"  {promise.what}: {promise.found:.4g}, {'kept' if promise.kept else 'NOT KEPT'}")
            report.add(promise)
    except (Exception, SystemExit):  # also what a call of the command line has to say
        report.fail(section, traceback.format_exc())


if __name__ == "__main__":
    raise SystemExit(main())
