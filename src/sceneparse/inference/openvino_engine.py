"""OpenVINO: the fastest engine on a processor."""

import sys
from functools import cache, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from sceneparse.devices import choose_precision, named_device
from sceneparse.errors import UserError, counted
from sceneparse.inference.bicubic import BicubicAsProducts
from sceneparse.inference.core_operators import in_core_operators
from sceneparse.inference.openvino_biases import with_whole_biases
from sceneparse.inference.openvino_caches import OWN, switch_off_onednn
from sceneparse.inference.program import Program, ProgramEngine, Run, Traits, converting, exported, without_in_place
from sceneparse.networks import SceneParser
from sceneparse.settings import Precision, PreprocessingSettings
from sceneparse.settings.engine import not_installed, refuse_unfit_for_openvino

if TYPE_CHECKING:
    import openvino

aten = torch.ops.aten

TAKEN = (
    *(aten.arange.default, aten.detach_.default, aten.floor_divide.default, aten.lift_fresh_copy.default),
    *(aten.rsub.Scalar, aten.stack.default, aten.transpose.int, aten.unbind.int),
)
"""Operators that are no core ones, for which OpenVINO has rules of its own."""

HINTS = {"float32": "f32", "bfloat16": "bf16"}


class OpenVINOEngine(ProgramEngine):
    """A network in OpenVINO on the CPU, with as many threads as PyTorch would use. Several may call it; it takes turns.

    Args:
        model: The program; see `converted` and `read`.
        traits: What it is.
        device: auto or cpu.
        precision: float32, bfloat16, or auto: bfloat16 where the processor is faster in it. A quantised model computes
            in int8 where it is quantised, and in this precision elsewhere.
        quantized: Whether the model is.

    Raises:
        UserError: Another device or precision.
    """

    name = "openvino"

    def __init__(
        self,
        model: "openvino.Model",
        traits: Traits,
        *,
        device: str | torch.device = "auto",
        precision: Precision = "auto",
        quantized: bool = False,
    ) -> None:
        ov = installed()
        chosen = self.check(device, precision)
        self.precision = "int8" if quantized else chosen
        self.threads = torch.get_num_threads()
        settings = {
            "INFERENCE_PRECISION_HINT": HINTS[chosen],
            "INFERENCE_NUM_THREADS": self.threads,
            "PERFORMANCE_HINT": "LATENCY",
            **OWN,
        }
        self._version = str(ov.__version__).split("-")[0]
        if chosen == "bfloat16" and not quantized:
            model = with_whole_biases(model)
        self._compiled: list[openvino.CompiledModel] = []
        super().__init__(traits, partial(_prepared, model, settings, self._compiled), torch.device("cpu"))

    @staticmethod
    def check(device: str | torch.device, precision: Precision) -> Precision:
        """Check a device and a precision, and return the precision to compute in.

        Raises:
            UserError: Another device or precision.
        """
        if str(device) != "auto":
            named_device(device)
        refuse_unfit_for_openvino(str(device), precision)
        return choose_precision(torch.device("cpu"), precision)

    @classmethod
    def of(
        cls,
        network: SceneParser,
        preprocessing: PreprocessingSettings,
        *,
        device: str | torch.device = "auto",
        precision: Precision = "auto",
    ) -> "OpenVINOEngine":
        """Make the engine of a network, which stays as it is.

        Raises:
            UserError: OpenVINO is missing, or as above.
        """
        cls.check(device, precision)
        program = Program(network, preprocessing)
        return cls(converted(program), program.traits, device=device, precision=precision)

    def release_memory(self) -> bool:
        """Give back what OpenVINO keeps for the next picture; return whether it did: not while it computes one."""
        try:
            for compiled in self._compiled:
                compiled.release_memory()
        except RuntimeError:  # "in a busy state"
            return False
        return True

    def describe(self) -> str:
        """Describe in one line what computes, where and how."""
        return f"OpenVINO {self._version} on cpu, {counted(self.threads, 'thread')}, {self.precision}"


def _prepared(
    model: "openvino.Model",
    settings: dict[str, Any],
    compiled: "list[openvino.CompiledModel]",
    outputs: tuple[str, ...],
) -> Run:
    # Labels are never among the outputs: they would need scores of the picture's size, which protocols never make.
    only = installed().Model([model.output(name) for name in outputs], model.get_parameters(), "scores")
    compiled.append(core().compile_model(only, "CPU", settings))
    request, free = compiled[-1].create_infer_request(), Lock()

    def run(images: Tensor) -> list[Tensor]:
        # The next call, maybe another thread's, writes over what is shared.
        with free:
            result = request.infer([images.numpy()], share_inputs=True, share_outputs=True)
            return [torch.from_numpy(result[index].copy()) for index in range(len(outputs))]

    return run


def installed() -> Any:
    """Import the openvino package, with its telemetry switched off.

    Raises:
        UserError: It is missing.
    """
    # Where this package is found, each import and conversion is reported over the network, under an identity that is
    # kept in ~/intel; where it is missing, OpenVINO and NNCF do without.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino
    except ImportError:
        raise not_installed("openvino") from None
    return openvino


def converted(program: Program) -> "openvino.Model":
    """Convert the program to an OpenVINO model for any batch, height and width.

    Raises:
        UserError: OpenVINO is missing.
        ConversionError: It cannot take the network.
    """
    ov = installed()
    with BicubicAsProducts():
        graph = exported(without_in_place(program))
    with converting("OpenVINO"):
        model = _converted(ov, graph)
    for output, name in zip(model.outputs, program.outputs, strict=True):
        output.get_tensor().set_names({name})
    return model


def _converted(ov: Any, graph: ExportedProgram) -> "openvino.Model":
    """Convert a graph, in operators that OpenVINO has rules for where that needs no second trace of it."""
    try:
        from openvino.frontend.pytorch.fx_decoder import TorchFXPythonDecoder
        from openvino.frontend.pytorch.torchdynamo.export_decompositions import ops_to_not_decompose

        module = graph.module()
        if in_core_operators(module, {*ops_to_not_decompose(), *TAKEN}):
            return ov.convert_model(TorchFXPythonDecoder(module))
    except Exception:
        pass
    return ov.convert_model(graph)


@cache
def core() -> "openvino.Core":
    """Return OpenVINO's runtime, one for as long as the process lives.

    On Linux each runtime gives the thread that first uses it a signal stack of its own, and takes it away at its end.
    Of two runtimes that don't end in the reverse order of their beginning, the second leaves the thread with the stack
    that the first took away: the next signal, such as Ctrl-C, is then a segmentation fault (seen with 2026.4).
    """
    made = installed().Core()
    switch_off_onednn(made)
    return made


def read(path: Path) -> "openvino.Model":
    """Read an OpenVINO model: an .xml file with its .bin beside it.

    Raises:
        UserError: OpenVINO is missing, or the file is damaged.
    """
    installed()
    if not path.with_suffix(".bin").is_file():
        raise UserError(f"{path}: its weights, {path.with_suffix('.bin').name}, are not beside it")
    try:
        return core().read_model(path)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: not a model that OpenVINO reads ({reason})") from None
