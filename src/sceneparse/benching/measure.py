"""The measurement: every engine in every precision in turns, the memory of each, and the network's components."""

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import NamedTuple, get_args

import torch

from sceneparse.arguments import argument
from sceneparse.benching.breakdown import ComponentTimer, ComponentTimes, boundary_share
from sceneparse.benching.matrix_peak import matrix_peak
from sceneparse.benching.record import Bench, ComponentRow, Row
from sceneparse.benching.subject import Subject, labelling, warming
from sceneparse.benching.summing_up import concluded, first_line
from sceneparse.benching.timing import Quartiles, Run, Say, peak_alone, take_turns
from sceneparse.devices import choose_precision, wait
from sceneparse.devices.memory import tells_memory
from sceneparse.errors import UserError
from sceneparse.inference import Engine, TestProtocol, TorchEngine, label
from sceneparse.inference.choosing import ENGINES, OF_FILES, chosen_engine, why_auto
from sceneparse.inference.program import ConversionError
from sceneparse.inference.scoring import label_batch
from sceneparse.progress import roughly
from sceneparse.settings import Precision, Resampling
from sceneparse.weights.conversions import seconds_to_convert, untempered_fingerprint
from sceneparse.weights.measured import Measurement, recall, remember

WARM_UP = 2
"""Rounds before those that count."""

READY = ("torch", "openvino", "onnxruntime", "compile")
"""The engines, those first that are soon ready."""

QUICK = 30.0
"""Seconds within which `quick` expects an engine to be ready, from the beginning on; else it is left out."""

COMPILING = 180.0
"""Seconds that PyTorch takes to compile a network, roughly."""

LOOK, LOOKS = 1.0, (2, 5)
"""Seconds of a first look at a row, and how many pictures it is at least and at most."""

SLOW = {
    "compile": ": PyTorch compiles the network for each size of batch, which takes minutes for a large one",
    "openvino": ": the network is converted, which can take a minute",
    "onnxruntime": ": the network is converted, which can take a minute",
}
"""Why building an engine takes long."""

FORMS = get_args(Resampling)
"""How heads can be computed."""

SMALL = (64, 64)
"""Size of the picture that is labelled first, so that the libraries' one-time set-up isn't measured."""


class _Built(NamedTuple):
    """A row that runs: its engine, and functions that label one picture and a batch."""

    engine: Engine
    single: Run
    batch: Run


class Measuring:
    """The measurement of one model on one device; it fills `result`.

    Args:
        subject: The model.
        result: Where all goes.
        device: Where it computes.
        say: Called with what is being done.
        show: Called with each line of results, as soon as there is one.
    """

    def __init__(self, subject: Subject, result: Bench, device: torch.device, say: Say, show: Say) -> None:
        self.subject, self.result, self.device, self.say, self.show = subject, result, device, say, show
        self.image = subject.picture(result.size)
        self.device_name = str(device)
        self.refused = ""  # why OpenVINO does not take the network
        self._began = time.perf_counter()

    def all(self, engines: Sequence[str] | None, precisions: Sequence[Precision] | None, memory: bool) -> None:
        """Measure everything, one after another, so that nothing runs beside what is timed."""
        wanted = self._wanted(engines, precisions)
        self.result.rows += [Row(name, precision) for name, precision in wanted]
        built = self._first_look(wanted)
        if not self.result.quick:
            self._build_batches(built)
            self.show(f"now {self.result.repeats} rounds of all in turns, {self._time_for(built)}")
            self._time(built)
            self._rest(built, wanted, memory)
        self._auto()

    def _first_look(self, wanted: Sequence[tuple[str, Precision]]) -> dict[int, _Built]:
        """Build every row, those first that are soon ready, and time a few pictures with it at once."""
        built: dict[int, _Built] = {}
        usual = choose_precision(self.device)

        def rank(index: int) -> tuple[int, bool]:
            return READY.index(wanted[index][0]), wanted[index][1] != usual  # in which auto computes, if it's there

        for index in sorted(range(len(wanted)), key=rank):
            row = self.result.rows[index]
            passed, takes = time.perf_counter() - self._began, self._takes(row.engine)
            # Of what was asked for one is measured, however long it takes.
            if self.result.quick and built and passed + takes > QUICK:
                quick = argument("quick", True, option="--quick")
                row.note = f"left out by {quick}: ready in {roughly(takes)}"
            elif made := self._build(row, wanted[index][1]):
                built[index] = made
                self._look(row, made)
            self.show(first_line(row))
        return dict(sorted(built.items()))

    def _takes(self, engine: str) -> float:
        """Return roughly how many seconds an engine takes to be ready."""
        if engine == "compile":
            return COMPILING
        if engine == "torch" or self.subject.kind == "file":
            return 0.0
        alike = [row.ready_s for row in self.result.rows if row.ready_s is not None and row.engine == engine]
        return alike[0] if alike else seconds_to_convert(self.subject.mib())

    def _look(self, row: Row, made: _Built) -> None:
        """Time a few pictures, so that there is something to see."""
        times: list[float] = []
        while len(times) < LOOKS[1] and (len(times) < LOOKS[0] or sum(times) < 1000 * LOOK):
            wait(self.device)
            start = time.perf_counter()
            made.single()
            wait(self.device)
            times.append(1000 * (time.perf_counter() - start))
        self._record(row, times)

    def _build_batches(self, built: dict[int, _Built]) -> None:
        """Label a batch with each row once; those that cannot say so."""
        for index in list(built) if self.result.batch > 1 else ():
            row = self.result.rows[index]
            self.say(f"building {row.engine}, {row.precision}, for {self.result.batch} pictures at a time")
            try:
                built[index].batch()
            except Exception as error:  # see `_build`
                row.note = f"failed with a batch: {_one_line(error)}"
                del built[index]

    def _time_for(self, built: dict[int, _Built]) -> str:
        """Return roughly how long the rounds take, in words."""
        each = sum(self.result.rows[index].ms or 0 for index in built) / 1000
        pictures = 1 + (self.result.batch if self.result.batch > 1 else 0)
        return roughly(each * pictures * (self.result.repeats + WARM_UP))

    def _rest(self, built: dict[int, _Built], wanted: Sequence[tuple[str, Precision]], memory: bool) -> None:
        """Measure what the times are compared with, where they go, and the memory."""
        forms = list(dict.fromkeys(made.engine.precision for made in built.values()))
        forms = [form for form in forms if form != "int8"]
        for form in forms:
            self.say(f"matrix peak in {form}")
            self.result.matrix_peak[form] = round(matrix_peak(self.device, form) / 1e9, 1)
        self._shares()
        if built:
            first = next(iter(built.values())).engine
            self.result.boundary_cells = round(boundary_share(first(self.image[None])[0]), 4)
        built.clear()
        if self.subject.kind != "file":
            self._components(forms)
        if memory and self._tells_memory():
            self._memory(wanted)

    def _wanted(
        self, engines: Sequence[str] | None, precisions: Sequence[Precision] | None
    ) -> list[tuple[str, Precision]]:
        """List the rows: each engine in the precisions that are asked for, or else in the useful ones."""
        own = self.subject.own_engine
        names = list(engines or ([own] if own else ENGINES))
        useful: list[Precision] = ["float32"]
        if choose_precision(self.device) == "bfloat16":
            useful.append("bfloat16")
        found: list[tuple[str, Precision]] = []
        for name in names:
            # A quantised program has one precision; ONNX Runtime computes in float32 alone.
            default: list[Precision] = ["auto"] if self.subject.quantized else useful
            found += [(name, each) for each in precisions or (default[:1] if name == "onnxruntime" else default)]
        return found

    def _build(self, row: Row, precision: Precision) -> _Built | None:
        """Make a row's engine and its first labels; on failure return None and note why."""
        self.say(f"building {row.engine}, {precision}{SLOW.get(row.engine, '')}")
        start = time.perf_counter()
        try:
            engine = self.subject.engine(row.engine, self.device_name, precision)
            label(engine, self.image, TestProtocol())
            row.ready_s = round(time.perf_counter() - start, 3)
        except UserError as error:
            row.note, row.ready_s = str(error), None
            if isinstance(error, ConversionError) and row.engine == "openvino":
                self.refused = error.reason
            return None
        except Exception as error:  # each runtime has its own kinds; the other rows are still worth measuring
            row.note, row.ready_s = f"failed: {_one_line(error)}", None
            return None
        row.precision, row.description = engine.precision, engine.describe()
        images = self.image.expand(self.result.batch, -1, -1, -1).contiguous()
        single = partial(label, engine, self.image, TestProtocol())
        return _Built(engine, single, partial(label_batch, engine, images))

    @staticmethod
    def _record(row: Row, times: Sequence[float]) -> None:
        quartiles = Quartiles.of(times)
        row.ms, row.ms_low, row.ms_high = (round(value, 3) for value in quartiles)
        row.pictures_per_second, row.best_batch = 1000 / quartiles.middle, 1

    def _time(self, built: dict[int, _Built]) -> None:
        """Time one picture, then a batch at a time."""
        rows, given = self.result.rows, (self.device, self.result.repeats, WARM_UP)
        times = take_turns({index: made.single for index, made in built.items()}, *given, self._saying("one picture"))
        for index, found in times.items():
            self._record(rows[index], found)
        if self.result.batch == 1:
            return
        say = self._saying(f"batch of {self.result.batch}")
        times = take_turns({index: made.batch for index, made in built.items()}, *given, say)
        for index, found in times.items():
            row, rate = rows[index], 1000 * self.result.batch / median(found)
            if rate > (row.pictures_per_second or 0):
                row.pictures_per_second, row.best_batch = rate, self.result.batch

    def _shares(self) -> None:
        """Relate each row's speed to the machine's matrix peak."""
        work = self.result.multiply_adds[self.result.heads]
        for row in self.result.rows:
            if row.pictures_per_second is not None:
                if peak := self.result.matrix_peak.get(row.precision):
                    row.share_of_peak = round(work * row.pictures_per_second / peak, 4)
                row.pictures_per_second = round(row.pictures_per_second, 3)

    def _components(self, precisions: Sequence[str]) -> None:
        """Time the components of the torch engine's network, with exact and plain heads in turns."""
        # Layers over several maps know both forms, and have a `resampling` that says which.
        both = any(hasattr(module, "resampling") for module in self.subject.network().modules())
        timers: dict[tuple[str, str], ComponentTimer] = {}
        for form in FORMS if both else FORMS[:1]:
            network = self.subject.network(form if both else None)
            for precision in precisions:
                engine = TorchEngine(
                    network,
                    self.subject.config.preprocessing,
                    device=self.device,
                    precision=precision,  # type: ignore[arg-type]
                )
                timers[form if both else "same", precision] = ComponentTimer(engine, self.image)
        take_turns(timers, self.device, self.result.repeats, WARM_UP, self._saying("where the time goes"))
        for (heads, precision), timer in timers.items():
            calls = timer.calls[WARM_UP:]
            ms = {name: round(median(getattr(call, name) for call in calls), 3) for name in ComponentTimes._fields}
            whole = sum(ms.values())
            share = {name: round(value / whole, 4) for name, value in ms.items()}
            self.result.components.append(ComponentRow(heads, precision, ms, share))

    def _tells_memory(self) -> bool:
        """Whether this machine says what a process had at most: not Windows, and not an Apple GPU."""
        return sys.platform != "win32" if self.device.type == "cpu" else tells_memory(self.device)

    def _memory(self, wanted: Sequence[tuple[str, Precision]]) -> None:
        """Measure the peak memory of every row that ran."""
        small, name = warming(self.subject), self.device_name
        for row, (engine, precision) in zip(self.result.rows, wanted, strict=True):
            if row.ms is None:
                continue
            self.say(f"memory of {row.engine}, {row.precision}")
            first = (small, engine, name, precision, self.result.threads, SMALL)
            full = (self.subject, engine, name, precision, self.result.threads, self.result.size)
            try:
                row.peak_mib = round(peak_alone(labelling, first, full, name), 1)
            except Exception as error:  # the process died: that it did is what there is to say
                row.note = f"memory not measured: {_one_line(error)}"

    def _auto(self) -> None:
        """Find which engine `auto` takes, and which was fastest."""
        result = self.result
        if self.subject.own_engine:
            result.auto_engine, result.auto_why = self.subject.own_engine, OF_FILES
        else:
            result.auto_engine = chosen_engine("auto", self.device, "auto")
            result.auto_why = why_auto(self.device, "auto")
            if result.auto_engine == "openvino" and self.refused:
                result.auto_engine, result.auto_why = "torch", self.refused
            elif result.auto_engine == "openvino" and (measured := self._measured()):
                result.auto_engine, result.auto_why = measured.engine, measured.describe()
        result.fastest, result.conclusion = concluded(result, choose_precision(self.device))

    def _measured(self) -> Measurement | None:
        """Keep what was measured of a model, and return what is known of it on this machine."""
        if self.subject.kind != "model" or self.subject.path is None:
            return None
        fingerprint, precision = untempered_fingerprint(self.subject.path), choose_precision(self.device)
        if not self.result.quick:
            rows = [row for row in self.result.rows if row.precision == precision]
            ms = {row.engine: row.ms for row in rows if row.ms is not None}
            remember(fingerprint, precision, ms, self.result.size)
        return recall(fingerprint, precision)

    def _saying(self, what: str) -> Callable[[str], None]:
        return lambda text: self.say(f"{what}: {text}")


def _one_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:200]
