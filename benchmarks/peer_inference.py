"""Inference in `peers.py`: one picture to its labels, in every form that is compared."""

import statistics
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from peer_networks import PEERS, PREPROCESSING, Case, Labeller, finish
from sceneparse.devices import DTYPES, float32_products
from sceneparse.inference import TestProtocol, label, make_engine
from sceneparse.inference.openvino_engine import core

State = Mapping[str, Tensor]
Label = Callable[[Tensor], Tensor]
"""A picture (3, H, W) uint8 on the CPU to its labels (H, W) int16 on the CPU."""

UNTIL = ("labels", "scores", "logits")
"""What an exported graph may give: the rest is then done by PyTorch."""


class Row(NamedTuple):
    """What is measured.

    Args:
        name: Whose network, and how it is run.
        engine: sceneparse's engines by name ("auto", "torch"), eager, eager channels-last, compile or openvino.
        precision: float32 or bfloat16.
        packages: Which have to be installed, beside sceneparse.
        shares: Whether it has our weights, so that its labels have to be ours.
    """

    name: str
    engine: str
    precision: str
    packages: tuple[str, ...] = ()
    shares: bool = True

    @property
    def network(self) -> str:
        """sceneparse, plain, or the peer's name."""
        return self.name.partition(",")[0]


def rows_of(case: Case, precision: str) -> list[Row]:
    """All rows; `precision` is the one that suits the device best."""
    both = ("float32", "bfloat16")
    rows = [Row(f"sceneparse, {engine}", engine, each) for engine in ("auto", "torch") for each in both]
    rows += [Row("plain, OpenVINO", "openvino", each, ("openvino",)) for each in both]
    rows += [Row("plain, channels-last", "channels-last", each) for each in both]
    rows += [Row("plain, torch.compile", "compile", precision)]
    for name in case.peers:
        peer = PEERS[name]
        shares = bool(peer.rename)
        rows.append(Row(f"{name}, as it is", "eager", "float32", (peer.package,), shares))
        rows.append(Row(f"{name}, channels-last", "channels-last", "bfloat16", (peer.package,), shares))
        rows += [Row(f"{name}, OpenVINO", "openvino", each, (peer.package, "openvino"), shares) for each in both]
    return rows


def make_label(case: Case, row: Row, state: State | None, device: str, threads: int, until: str | None = None) -> Label:
    """Return the function that a row measures.

    Args:
        case: The pair of networks that are compared.
        row: Which of them, and how it is run.
        state: Our weights; None leaves random ones.
        device: Where it runs: cpu, cuda or cuda:N.
        threads: How many threads may compute on the CPU.
        until: What an exported graph gives; None takes the one of `UNTIL` that is fastest. The choice is the attribute
            `until` of what is returned.
    """
    if row.network == "sceneparse":
        ours = case.ours("exact")
        if state is not None:
            ours.load_state_dict(state)
        engine = make_engine(
            ours,
            PREPROCESSING,
            engine=row.engine,  # type: ignore[arg-type]
            device=device,
            precision=row.precision,  # type: ignore[arg-type]
        )
        return lambda image: label(engine, image, TestProtocol())
    network, multiple = _network(case, row, state)
    if row.engine == "openvino":
        return _openvino(network, row.precision, multiple, case.side, threads, until)
    return _eager(network, row, multiple, torch.device(device))


def make_run(
    case: Case, row: Row, state_file: str | None, device: str, threads: int, until: str | None
) -> Callable[[], object]:
    """For a process of its own: a row's function on a picture, our weights from a file."""
    torch.set_num_threads(threads)
    state = torch.load(state_file, weights_only=True) if state_file and row.shares else None
    function, image = make_label(case, row, state, device, threads, until), case.picture()[0]
    return lambda: function(image)


def _network(case: Case, row: Row, state: State | None) -> tuple[nn.Module, int]:
    """The network in evaluation mode, and what its pictures' sides are multiples of."""
    if row.network == "plain":
        plain = case.ours("plain")
        if state is not None:
            plain.load_state_dict(state)
        return plain.eval().requires_grad_(False), 1
    peer = PEERS[row.network]
    network = peer.make(case)
    if state is not None:
        peer.load(network, state)
    return network.eval().requires_grad_(False), peer.multiple


def _eager(network: nn.Module, row: Row, multiple: int, device: torch.device) -> Label:
    dtype = DTYPES[row.precision]
    layout = torch.contiguous_format if row.engine == "eager" else torch.channels_last
    network = network.to(device, dtype).to(memory_format=layout)
    function: Callable[[Tensor], Any] = Labeller(network, dtype, multiple, "labels", layout)
    if row.engine == "compile":
        function = torch.compile(function, dynamic=False)

    @torch.inference_mode()
    def run(image: Tensor) -> Tensor:
        with float32_products(row.precision):
            return function(image[None].to(device))[0].to(torch.int16).cpu()

    return run


class OpenVinoLabel:
    """A network exported to OpenVINO, compiled up to one of `UNTIL`."""

    def __init__(self, model: Any, precision: str, multiple: int, threads: int, until: str):
        import openvino

        self.until, self.multiple = until, multiple
        options = {
            "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
        }
        part = openvino.Model([model.output(UNTIL.index(until))], model.get_parameters(), until)
        self.request = core().compile_model(part, "CPU", options).create_infer_request()

    def __call__(self, image: Tensor) -> Tensor:
        """See `Label`."""
        self.request.infer([image[None].numpy()], share_inputs=True, share_outputs=True)
        result = torch.from_numpy(self.request.get_output_tensor(0).data)
        if self.until != "labels":
            result = finish(result, (image.shape[-2], image.shape[-1]), self.multiple, "labels")
        return result[0].to(torch.int16)


def _openvino(network: nn.Module, precision: str, multiple: int, side: int, threads: int, until: str | None) -> Label:
    import openvino

    labeller = Labeller(network, torch.float32, multiple, "all", torch.contiguous_format)
    image = torch.zeros(3, side, side, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = openvino.convert_model(labeller, example_input=image[None], input=[1, 3, side, side])
    if until:
        return OpenVinoLabel(model, precision, multiple, threads, until)
    best: tuple[float, OpenVinoLabel] | None = None
    for form in UNTIL:
        candidate = OpenVinoLabel(model, precision, multiple, threads, form)
        candidate(image)
        times = []
        for _ in range(3):
            began = time.perf_counter()
            candidate(image)
            times.append(time.perf_counter() - began)
        if best is None or statistics.median(times) < best[0]:
            best = (statistics.median(times), candidate)
    assert best is not None
    return best[1]
