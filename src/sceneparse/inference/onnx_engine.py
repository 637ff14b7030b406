"""ONNX Runtime: the engine that runs nearly everywhere."""

import contextlib
import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.inference.precision import choose_device
from sceneparse.inference.program import INPUT, LABELS, LOGITS, Program, Traits, converting, exported, refuse_small
from sceneparse.networks import SceneParser
from sceneparse.settings import Precision, PreprocessingSettings

if TYPE_CHECKING:
    import onnx


class OnnxEngine:
    """A network in ONNX Runtime, in float32.

    Args:
        model: An ONNX model whose first output are the logits; see `converted` and `read`.
        traits: What it is.
        device: auto (CUDA if PyTorch and ONNX Runtime both have it), cpu, cuda or cuda:N.
        precision: float32 or auto, which is the same.

    Raises:
        UserError: ONNX Runtime is missing or lacks the device, or another precision.
    """

    name = "onnxruntime"
    precision = "float32"

    def __init__(
        self,
        model: "onnx.ModelProto",
        traits: Traits,
        *,
        device: str | torch.device = "auto",
        precision: Precision = "auto",
    ) -> None:
        runtime, onnx = installed()
        if precision not in ("auto", "float32"):
            raise UserError(f"engine onnxruntime computes in float32, not in {precision}")
        chosen = choose_device(device)
        has_cuda = "CUDAExecutionProvider" in runtime.get_available_providers()
        if chosen.type == "cuda" and not has_cuda:
            if device != "auto":
                raise UserError(
                    f"this ONNX Runtime cannot compute on '{device}'; install onnxruntime-gpu or use --device cpu"
                )
            chosen = torch.device("cpu")
        self.device = chosen
        self.num_classes: int = traits.num_classes
        self.align_corners: bool = traits.align_corners
        self.padding_color: tuple[float, ...] = traits.padding_color
        self.threads = torch.get_num_threads()
        self._version = runtime.__version__
        options = runtime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.log_severity_level = 3
        providers: list[Any] = ["CPUExecutionProvider"]
        if chosen.type == "cuda":
            providers.insert(0, ("CUDAExecutionProvider", {"device_id": chosen.index or 0}))
        if len(model.graph.output) > 1:
            # Labels would be computed from scores of the picture's size, which protocols never make.
            model = onnx.utils.Extractor(model).extract_model([INPUT], [LOGITS])
        self._session = runtime.InferenceSession(model.SerializeToString(), options, providers=providers)

    @classmethod
    def of(
        cls,
        network: SceneParser,
        preprocessing: PreprocessingSettings,
        *,
        device: str | torch.device = "auto",
        precision: Precision = "auto",
    ) -> "OnnxEngine":
        """The engine of a network, which stays as it is.

        Raises:
            UserError: ONNX Runtime or a package that conversion needs is missing, or as above.
        """
        program = Program(network, preprocessing)
        return cls(converted(program), program.traits, device=device, precision=precision)

    def __call__(self, images: Tensor) -> Tensor:
        """Score pictures; see `Engine`.

        Raises:
            UserError: Pictures of less than 33 pixels a side.
        """
        refuse_small(images, self.name)
        (logits,) = self._session.run([LOGITS], {INPUT: images.float().contiguous().cpu().numpy()})
        return torch.from_numpy(logits)

    def describe(self) -> str:
        """One line: what computes, where and how."""
        threads = f", {self.threads} threads" if self.device.type == "cpu" else ""
        return f"ONNX Runtime {self._version} on {self.device}{threads}, float32"


def installed() -> tuple[Any, Any]:
    """The onnxruntime and onnx packages.

    Raises:
        UserError: One is missing.
    """
    try:
        import onnx
        import onnx.utils
        import onnxruntime
    except ImportError as error:
        raise UserError(f"{error.name} is not installed; do: pip install 'sceneparse[onnx]'") from None
    return onnxruntime, onnx


def converted(program: Program) -> "onnx.ModelProto":
    """The program as an ONNX model for any batch, height and width.

    Raises:
        UserError: A package that this needs is missing.
        ConversionError: The network has what ONNX lacks.
    """
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise UserError("onnxscript is not installed; do: pip install 'sceneparse[onnx]'") from None
    graph = exported(program)
    names = [LOGITS, LABELS] if program.labels else [LOGITS]
    # The exporter tells its steps to people, on the standard output, whatever it is told.
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(), converting("ONNX"):
        warnings.simplefilter("ignore")
        result = torch.onnx.export(graph, input_names=[INPUT], output_names=names, verbose=False)
    assert result is not None
    return result.model_proto


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
