"""What is promised on a GPU, all of it on one card in one run.

    python benchmarks/gpu.py --data CamVid
    python benchmarks/gpu.py inference --minutes 30

Needs `pip install 'sceneparse[bench]'` and a C compiler, without which it doesn't begin; training on CamVid needs its
folder, and nothing is downloaded. All else is made up. The sections, which can be named, are:

    labels      upsampling and argmax, and what they take of memory, beside interpolate + argmax
    loss        upsampling and cross-entropy, forward and backward, beside interpolate + cross_entropy
    overlap     pictures begun before those in front of them are finished, beside each finished in its turn
    recipe      sceneparse train on CamVid: pictures a second, beside its step alone
    agreement   labels of both formats beside those of the CPU's float32, of random and of trained weights
    inference   pictures to labels, batches of 1 and 16, beside other networks and forms; first answers of a new size
    training    a step of 16 pictures beside the same network as one writes it, with and without torch.compile

All ends within --minutes of its start, in which each section leaves some to those behind it. What needs a compiler is
compiled by all cores at once while labels are compared, and nothing is timed meanwhile; what takes too long is not
compared with. PyTorch keeps what it made, so a second run on the same machine may come further. Rows take turns, one
computes at a time; a time is the median. Each promise is a line: what was found, and what it has to be; below are the
rows behind it, with the share that they reach of the multiply-adds of one large product of bfloat16 numbers in the same
time. Where of ours there are several forms, the better one counts. A promise is open ("kept" is null) as long as that
depends on a row that was not measured; which ones, and why not, is listed. The exit status is 0 only where every
promise is kept. What fails costs none of the other sections, and --json is written after each promise. The quick form
runs small networks on the CPU, in one process, where it promises nothing.
"""
# ruff: noqa: E402

import time

BEGAN = time.monotonic()
"""When the program was started: what follows takes seconds to import."""

import os
import signal
import traceback
from argparse import SUPPRESS
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from command_line import STDOUT, command_line, device_of, note, parsed_with_settings, write_figures
from gpu_given import Given
from gpu_inference import Inference
from gpu_needs import lacking
from gpu_overlap import of_overlap
from gpu_plan import limit
from gpu_recipe import of_recipe
from gpu_report import PATIENCE, Promise, Report, measure_apart
from gpu_rows import Bench
from gpu_sections import of_agreement, of_labels, of_loss
from gpu_training import Training
from sceneparse.devices import device_name

COMPILE_PROCESSES = 4
"""Processes in which a compiler makes kernels, where nothing else is set: there are as many compilers as cores."""

SECTIONS: dict[str, Callable[[Given], Iterator[Promise]]] = {
    "labels": of_labels,
    "loss": of_loss,
    "overlap": of_overlap,
    "recipe": of_recipe,
    "agreement": of_agreement,
}
"""What is measured in a process of each section's own."""

IN_TURNS: Mapping[str, Callable[[Bench], "Inference | Training"]] = {"inference": Inference, "training": Training}
"""What is measured in turns, by a bench's processes."""


def main() -> int:
    parser = command_line(__doc__)
    parser.add_argument("section", nargs="*", help="which (default: all)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="CamVid's folder")
    parser.add_argument("--repeats", type=int, default=15, help="rounds (default: 15)")
    parser.add_argument("--device", default="cuda", help="cuda or cuda:N (default: cuda)")
    parser.add_argument("--minutes", type=float, default=6.0, help="within which all is done (default: 6)")
    parser.add_argument("--here", type=float, help=SUPPRESS)
    given, settings = parsed_with_settings(parser, {"device": "cpu", "repeats": 1})
    known = [*SECTIONS, *IN_TURNS]
    if unknown := set(given.section) - set(known):
        parser.error(f"no section {', '.join(sorted(unknown))}: there are {', '.join(known)}")
    until = BEGAN + 60 * given.minutes - PATIENCE if given.here is None else given.here
    with_what = Given(device_of(parser, given.device), given.quick, given.repeats, given.data, settings, until)
    report = Report(device_name(with_what.device), None if given.json == STDOUT else given.json)
    sections = [name for name in known if name in (given.section or known)]
    if with_what.on_gpu and given.here is None and (missing := lacking(with_what, sections)):
        parser.error("; ".join(missing))
    if given.quick or given.here is not None:
        measure_here(sections, with_what, report)
    else:
        measure_all(sections, with_what, report)
    write_figures(report.figures(), given.json, report.show)
    return 0 if report.all_kept or (given.quick and not report.failed) else 1


def measure_here(sections: Iterable[str], given: Given, report: Report) -> None:
    """Measure sections in this process, one after the other."""
    for name in sections:
        if name in SECTIONS:
            measure(name, partial(SECTIONS[name], given), report)
        else:
            with Bench(given, given.until) as bench:
                measure(name, partial(in_turns, name, bench), report)


def in_turns(section: str, bench: Bench) -> Iterator[Promise]:
    """Have a section's rows made and measure them."""
    begun = IN_TURNS[section](bench)
    begun.made()
    return begun.measured(bench.given.until)


def measure_all(sections: list[str], given: Given, report: Report) -> None:
    """Measure sections in processes of their own, those of `IN_TURNS` in several, which are begun before agreement."""
    words = ["--device", str(given.device), "--repeats", str(given.repeats)]
    words += [] if given.data is None else ["--data", str(given.data)]

    def apart(name: str) -> None:
        measure_apart(__file__, name, [*words, *given.settings], report, limit(name, sections, given.until))

    turns = [name for name in sections if name in IN_TURNS]
    for name in sections:
        if name in SECTIONS and name != "agreement":
            apart(name)
    with Bench(given, limit("agreement", sections, given.until)) as bench:
        begun: dict[str, Inference | Training] = {}

        def begin(name: str) -> None:
            begun[name] = IN_TURNS[name](bench)

        for name in turns:
            attempt(name, partial(begin, name), report)
        if "agreement" in sections:
            apart("agreement")
        # Of all of them, before any is measured: what is still being compiled would share the card and the cores.
        for name, section in begun.items():
            attempt(name, section.made, report)
        for name, section in begun.items():
            measure(name, partial(section.measured, limit(name, sections, given.until)), report)


def measure(section: str, promises: Callable[[], Iterable[Promise]], report: Report) -> None:
    """Measure what a section promises; where it fails, what it found before that stays, and why is written down."""
    note(f"{section}:")

    def every() -> None:
        for promise in promises():
            note(f"  {promise.what}: {promise.figure}, {promise.verdict}")
            report.add(promise)

    attempt(section, every, report)


def attempt(section: str, what: Callable[[], None], report: Report) -> None:
    """Do something for a section, and write down why it fails."""
    try:
        what()
    except (Exception, SystemExit):  # also what a call of the command line has to say
        report.fail(section, traceback.format_exc())


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what it has started ends with it
    # Else PyTorch's compiler prints page after page.
    os.environ.setdefault("TORCHINDUCTOR_MAX_AUTOTUNE_REPORT_CHOICES_STATS", "0")
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", str(COMPILE_PROCESSES))
    raise SystemExit(main())
