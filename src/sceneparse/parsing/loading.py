"""From a model folder to a `Parser`."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from sceneparse.calls import by_name
from sceneparse.inference.choosing import EngineName
from sceneparse.inference.open_model import checked_source, find_to_open
from sceneparse.inference.protocol import resolve
from sceneparse.inference.protocol_change import protocol_change
from sceneparse.parsing.chosen_tasks import refuse_unknown_tasks
from sceneparse.parsing.parser import Parser
from sceneparse.recipes.keywords import in_protocol
from sceneparse.settings import Precision, ProtocolSettings
from sceneparse.settings.engine import meant_by
from sceneparse.settings.protocol import ProtocolGiven
from sceneparse.tasks import TaskName


@by_name("load", meant=meant_by, elsewhere=in_protocol("load"))
def load(
    model: str | Path,
    *,
    engine: EngineName = "auto",
    device: str = "auto",
    precision: Precision = "auto",
    protocol: ProtocolGiven | None = None,
    tasks: Collection[TaskName] | None = None,
) -> "Parser":
    """Load a model to parse pictures with.

    Args:
        model: A model folder (of transformers or smp too), a training's run folder or one of its checkpoints, a
            published checkpoint's name ("sceneparse models --published" lists them), a hub id ("user/name"), or an
            exported .xml or .onnx file.
        engine: torch, compile, openvino, onnxruntime, or auto: OpenVINO on a CPU if it is installed and takes the
            network, else torch. `parser.engine.describe()` says which.
        device: auto (the GPU if there is one), cpu, cuda, cuda:N, mps, xpu or xpu:N.
        precision: float32, tf32 (on GPUs that have it), bfloat16, float16, or auto: bfloat16 where the device is faster
            in it, else float32.
        protocol: How pictures are tested: what differs from the model's protocol, such as `{"size": "own"}`, or all of
            it as `ProtocolSettings`, or a function that makes it of the model's. Default: the protocol that the model
            was validated with.
        tasks: Which tasks a unified model parses: scene, object, part, material, texture. Default: all that it knows.

    Raises:
        UserError: No such model, no such engine or device, a protocol that doesn't hold together, or a task that the
            model doesn't have.
    """
    # What is wrong with the others is said before a model is fetched or converted, as far as it can be.
    change = protocol_change(protocol)
    refuse_unknown_tasks(tasks)
    model = checked_source("model", model)
    found = find_to_open(model, engine=engine, device=device, precision=precision)
    tested = None if change is None else change(found.config.protocol)
    if tested is not None:
        resolve(tested, found.config.sizes)
    opened = found.open()
    wanted = None if tasks is None else tuple(tasks)
    # Where it was found: a run folder may hold another model by the time that another process loads it.
    where = str(opened.folder) if opened.folder is not None and Path(model).exists() else str(model)
    loading = Loading(where, engine, device, precision, tested, wanted)
    return Parser(opened, protocol=tested, tasks=wanted, loading=loading)


@dataclass(frozen=True)
class Loading:
    """The arguments of a call of `load`, so that another process can repeat it."""

    model: str
    engine: EngineName
    device: str
    precision: Precision
    protocol: ProtocolSettings | None
    tasks: tuple[TaskName, ...] | None
    ranges: tuple[tuple[float, float], ...] = ()

    def __call__(self) -> "Parser":
        """Load the model again."""
        parser = load(
            self.model,
            engine=self.engine,
            device=self.device,
            precision=self.precision,
            protocol=self.protocol,
            tasks=self.tasks,
        )
        return parser.with_ranges(self.ranges) if self.ranges else parser
