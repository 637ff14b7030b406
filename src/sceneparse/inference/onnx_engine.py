"""ONNX Runtime: the engine that runs nearly everywhere."""

import contextlib
import io
import re
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sceneparse.arguments import argument
from sceneparse.devices import choose_device, choose_precision
from sceneparse.errors import UserError, counted
from sceneparse.files import sized
from sceneparse.inference.program import (
    INPUT,
    ConversionError,
    Program,
    ProgramEngine,
    Run,
    Traits,
    converting,
    exported,
    without_in_place,
)
from sceneparse.networks import SceneParser
from sceneparse.settings import Precision, PreprocessingSettings
from sceneparse.settings.engine import not_installed, refuse_unfit_for_onnxruntime

if TYPE_CHECKING:
    import onnx

LARGEST = 2**31 - 1
"""Bytes that a file of ONNX's encoding (protobuf) takes at most."""


class OnnxEngine(ProgramEngine):
    """A network in ONNX Runtime, in float32 or TF32.

    Args:
        model: The program; see `converted` and `read`.
        traits: What it is.
        device: auto (CUDA if PyTorch and ONNX Runtime both have it), cpu, cuda or cuda:N.
        precision: float32 or auto, which is the same, or tf32 on CUDA.

    Raises:
        UserError: ONNX Runtime is missing or lacks the device, or another precision.
    """

    name = "onnxruntime"

    def __init__(
        self,
        model: "onnx.ModelProto",
        traits: Traits,
        *,
        device: str | torch.device = "auto",
        precision: Precision = "auto",
    ) -> None:
        self.device = chosen = self.check(device, precision)
        self.precision = "float32" if precision == "auto" else precision
        runtime, _ = installed()
        self.threads = torch.get_num_threads()
        self._version = runtime.__version__
        options = runtime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.log_severity_level = 3
        providers: list[Any] = ["CPUExecutionProvider"]
        if chosen.type == "cuda":
            # Left to itself, ONNX Runtime computes float32 in TF32.
            tf32 = int(self.precision == "tf32")
            providers.insert(0, ("CUDAExecutionProvider", {"device_id": chosen.index or 0, "use_tf32": tf32}))
        super().__init__(traits, partial(_prepared, model, options, providers), chosen)

    @staticmethod
    def check(device: str | torch.device, precision: Precision) -> torch.device:
        """Check a device and a precision, and return the device to compute on.

        Raises:
            UserError: ONNX Runtime is missing or lacks the device, or another precision.
        """
        runtime, _ = installed()
        chosen = choose_device(device)
        refuse_unfit_for_onnxruntime(str(device), precision)
        if chosen.type == "cuda" and "CUDAExecutionProvider" not in runtime.get_available_providers():
            if device != "auto":
                raise UserError(
                    f"this ONNX Runtime cannot compute on '{device}'; install onnxruntime-gpu or use "
                    f"{argument('device', 'cpu')}"
                )
            chosen = torch.device("cpu")
        if chosen.type != "cuda":
            chosen = torch.device("cpu")
        if precision == "tf32":
            choose_precision(chosen, precision)
        return chosen

    @classmethod
    def of(
        cls,
        network: SceneParser,
        preprocessing: PreprocessingSettings,
        *,
        device: str | torch.device = "auto",
        precision: Precision = "auto",
    ) -> "OnnxEngine":
        """Make the engine of a network, which stays as it is.

        Raises:
            UserError: ONNX Runtime or a package that conversion needs is missing, or as above.
        """
        cls.check(device, precision)  # wrong wishes are refused before a network is converted for them
        program = Program(network, preprocessing)
        return cls(converted(program), program.traits, device=device, precision=precision)

    def describe(self) -> str:
        """Describe in one line what computes, where and how."""
        threads = f", {counted(self.threads, 'thread')}" if self.device.type == "cpu" else ""
        return f"ONNX Runtime {self._version} on {self.device}{threads}, {self.precision}"


def _prepared(model: "onnx.ModelProto", options: Any, providers: list[Any], outputs: tuple[str, ...]) -> Run:
    runtime, onnx = installed()
    if [output.name for output in model.graph.output] != [*outputs]:
        # Labels are never among them: they would need scores of the picture's size, which protocols never make.
        model = onnx.utils.Extractor(model).extract_model([INPUT], [*outputs])
    session = runtime.InferenceSession(serialized(model), options, providers=providers)

    def run(images: Tensor) -> list[Tensor]:
        return [torch.from_numpy(found) for found in session.run([*outputs], {INPUT: images.numpy()})]

    return run


def installed() -> tuple[Any, Any]:
    """Import the onnxruntime and onnx packages.

    Raises:
        UserError: One is missing.
    """
    try:
        import onnx
        import onnx.utils
        import onnxruntime
    except ImportError as error:
        raise UserError(
            f"{(error.name or '').partition('.')[0]} is not installed; do: pip install 'sceneparse[onnx]'"
        ) from None
    return onnxruntime, onnx


def converted(program: Program) -> "onnx.ModelProto":
    """Convert the program to an ONNX model for any batch, height and width.

    Raises:
        UserError: A package that this needs is missing.
        ConversionError: The network has what ONNX lacks, or more weights than an ONNX file holds.
    """
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise not_installed("onnxscript") from None
    refuse_too_large(program)
    graph = exported(without_in_place(program))
    # The exporter prints its steps on the standard output, whatever its settings.
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(), converting("ONNX"):
        warnings.simplefilter("ignore")
        result = torch.onnx.export(graph, input_names=[INPUT], output_names=[*program.outputs], verbose=False)
        assert result is not None
        model = result.model_proto  # a new one whenever it is asked for
    _name_sizes(model)
    return model


def refuse_too_large(program: Program) -> None:
    """Refuse a network whose weights no ONNX file holds, before minutes go into its conversion.

    Raises:
        ConversionError: They take more.
    """
    # Those that are one are written once.
    held = {(one.data_ptr(), one.numel()) for one in (*program.parameters(), *program.buffers())}
    if (count := 4 * sum(numel for _, numel in held)) > LARGEST:
        raise _too_large(f"this network's weights take {sized(count)}")


def serialized(model: "onnx.ModelProto") -> bytes:
    """Return a model as the content of a file.

    Raises:
        ConversionError: It is larger than such a file can be.
    """
    try:
        return model.SerializeToString()
    except Exception as error:  # protobuf has its own, which says no more than that it failed
        raise _too_large("this network takes more") from error


def _too_large(found: str) -> ConversionError:
    return ConversionError(f"an ONNX file holds {sized(LARGEST)} at most, and {found}; OpenVINO has room for it")


def _name_sizes(model: "onnx.ModelProto") -> None:
    """Call the sizes that are open batch, height and width; the exporter has numbered them ("s34")."""
    shape = model.graph.input[0].type.tensor_type.shape
    names = dict(zip([shape.dim[axis].dim_param for axis in (0, 2, 3)], ("batch", "height", "width"), strict=True))
    known = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in names))
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_param = known.sub(lambda found: names[found[0]], dim.dim_param)


def read(path: Path) -> "onnx.ModelProto":
    """Read an ONNX file.

    Raises:
        UserError: ONNX is missing, or the file is damaged.
    """
    _, package = installed()
    try:
        model: onnx.ModelProto = package.load(path)
        package.checker.check_model(model)
    except Exception as error:  # protobuf and checker each have their own
        raise UserError(f"{path}: not a whole ONNX file ({' '.join(str(error).split())[:200]})") from None
    return model
