"""What is promised on a GPU, all of it on one card in one run.

    python benchmarks/gpu.py --data CamVid --backbone.weights=FILE
    python benchmarks/gpu.py labels loss inference

Needs `pip install 'sceneparse[bench]'`; training on CamVid needs its folder, and nothing to be downloaded where the
weights of the backbone are given. All else is made up. The sections, which can be named, are:

    labels      upsampling and argmax, and what they take of memory, beside interpolate + argmax
    loss        upsampling and cross-entropy, forward and backward, beside interpolate + cross_entropy
    inference   pictures to labels, batches of 1 and 16, beside other networks and forms; the first answer of a new size
    agreement   labels of both formats beside those of the CPU's float32
    recipe      sceneparse train on CamVid: pictures a second, beside its step alone
    training    a step of 16 pictures beside the same network as one writes it, with and without torch.compile

Most of the time is torch.compile's. All ends within --minutes, in which each section leaves some to those behind it.
What needs no compiler is measured first; what the time does not suffice for is not compared with, and can be by
another run: `python benchmarks/gpu.py inference --minutes 30`. Forms take turns; a time is the median. Each promise
is a line: what was found, and what it has to be. Where of ours there are two forms, the better one counts. A promise
is open ("kept" is null) as long as that depends on a row that was not measured; which ones, and why not, is listed.
The exit status is 0 only where every promise is kept. Each section has a process of its own, so that one that fails
costs none of the others, and --json is written after each promise. The quick form runs small networks on the CPU, in
one process, where it promises nothing.
"""

import os
import signal
import sys
import time
import traceback
from argparse import SUPPRESS
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

import agreement
import loss as losses
from command_line import STDOUT, command_line, note, parsed_with_settings, write_figures
from gpu_given import Given
from gpu_inference import of_inference
from gpu_report import Promise, Report, measure_apart
from gpu_training import of_recipe, of_training
from sceneparse.devices import choose_device, device_name
from sceneparse.inference import TestProtocol, label
from sceneparse.inference.engine import TorchEngine
from sceneparse.networks import resize
from sceneparse.networks.exact.argmax import upsampled_labels

LEAST = {"labels": 20.0, "loss": 20.0, "inference": 60.0, "agreement": 40.0, "recipe": 75.0, "training": 75.0}
"""Seconds that each section is left by those before it."""


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


SECTIONS: dict[str, Callable[[Given], Iterator[Promise]]] = {
    "labels": of_labels,
    "loss": of_loss,
    "inference": of_inference,
    "agreement": of_agreement,
    "recipe": of_recipe,
    "training": of_training,
}


def main() -> int:
    parser = command_line(__doc__)
    parser.add_argument("section", nargs="*", help="which (default: all)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="CamVid's folder")
    parser.add_argument("--repeats", type=int, default=15, help="rounds (default: 15)")
    parser.add_argument("--device", default="cuda", help="cuda or cuda:N (default: cuda)")
    parser.add_argument("--minutes", type=float, default=6.0, help="within which all is done (default: 6)")
    parser.add_argument("--here", type=float, help=SUPPRESS)
    given, settings = parsed_with_settings(parser, {"device": "cpu", "repeats": 1})
    if unknown := set(given.section) - set(SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))}: there are {', '.join(SECTIONS)}")
    os.environ.setdefault("TORCHINDUCTOR_MAX_AUTOTUNE_REPORT_CHOICES_STATS", "0")  # else it prints page after page
    until = time.monotonic() + 60 * given.minutes
    if given.here is not None:
        until = given.here
        # What it has started ends with it.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with_what = Given(choose_device(given.device), given.quick, given.repeats, given.data, settings, until)
    report = Report(device_name(with_what.device), None if given.json == STDOUT else given.json)
    sections = given.section or list(SECTIONS)
    for number, name in enumerate(sections):
        if given.quick or given.here is not None:
            measure(name, with_what, report)
            continue
        words = ["--device", str(with_what.device), "--repeats", str(given.repeats)]
        words += [] if given.data is None else ["--data", str(given.data)]
        later = sum(LEAST[other] for other in sections[number + 1 :])
        limit = min(until, max(until - later, time.monotonic() + LEAST[name]))
        measure_apart(__file__, name, [*words, *settings], report, limit)
    write_figures(report.figures(), given.json, report.show)
    return 0 if report.all_kept or (given.quick and not report.failed) else 1


def measure(section: str, given: Given, report: Report) -> None:
    """Measure what a section promises; where it fails, what it found before that stays, and why is written down."""
    note(f"{section}:")
    try:
        for promise in SECTIONS[section](given):
            note(f"  {promise.what}: {promise.figure}, {promise.verdict}")
            report.add(promise)
    except (Exception, SystemExit):  # also what a call of the command line has to say
        report.fail(section, traceback.format_exc())


if __name__ == "__main__":
    raise SystemExit(main())
