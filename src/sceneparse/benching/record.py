"""The results of `sceneparse bench`."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Row:
    """The measurements of one engine in one precision; a value is None where `note` says why.

    Args:
        engine: torch, compile, openvino or onnxruntime.
        precision: float32, tf32, bfloat16 or int8.
        ms: Median milliseconds from a uint8 picture to its label map, one picture at a time.
        ms_low: Their lower quartile.
        ms_high: Their upper quartile.
        pictures_per_second: The most, of one picture at a time and a batch at a time.
        best_batch: At which of the two that is.
        ready_s: Seconds from the files (a recipe: the settings) to the first labels, libraries loaded; conversion and
            compilation included, nothing taken from a cache.
        peak_mib: Most MiB of a process of its own beyond the same process idle; on a GPU, of its memory.
        share_of_peak: Multiply-adds of the network as it is computed, at the most pictures a second, as a share of
            the machine's measured matrix peak in the same precision. Taps that fall on padding count, and libraries
            skip them: small pictures may pass 1.
        description: What computed, with its version.
        note: Why something is missing.
    """

    engine: str
    precision: str
    ms: float | None = None
    ms_low: float | None = None
    ms_high: float | None = None
    pictures_per_second: float | None = None
    best_batch: int | None = None
    ready_s: float | None = None
    peak_mib: float | None = None
    share_of_peak: float | None = None
    description: str = ""
    note: str = ""


@dataclass(frozen=True)
class ComponentRow:
    """Where the time of the torch engine goes: median milliseconds of one picture, and shares of their sum.

    Args:
        heads: How heads are computed: exact, plain, or the same where a network has only one form.
        precision: float32, tf32 or bfloat16.
        ms: By component: picture (normalised), backbone, head, labels (the logits' upsampling and argmax).
        share: By component.
    """

    heads: str
    precision: str
    ms: dict[str, float]
    share: dict[str, float]


@dataclass
class Bench:
    """All measurements of a model on a machine.

    Args:
        source: How the user named it.
        kind: model, file or recipe (random weights).
        architecture: Of the network.
        backbone: Its name.
        classes: Number of classes.
        size: Height and width of the picture.
        batch: Pictures at a time, beside one.
        repeats: Rounds that counted.
        device: Its name.
        threads: Of PyTorch, OpenVINO and ONNX Runtime.
        multiply_adds: Of one picture in 10⁹, with "exact" and with "plain" heads.
        heads: Which of the two the model has.
        matrix_peak: Measured multiply-adds a second in 10⁹, by precision.
        auto_engine: What `auto` takes here.
        auto_why: Why.
        fastest: Engine and precision of the least latency in this run.
        conclusion: What the measurement means for `auto`, in a sentence.
        quick: Whether it was only a first look: a few pictures with the engines that are soon ready.
        boundary_cells: Share of the logits' cells that need work for labels.
        rows: Each engine in each precision.
        components: Where the time goes; empty for an exported file.
    """

    source: str
    kind: str
    architecture: str
    backbone: str
    classes: int
    size: tuple[int, int]
    batch: int
    repeats: int
    device: str
    threads: int
    multiply_adds: dict[str, float]
    heads: str
    matrix_peak: dict[str, float] = field(default_factory=dict)
    auto_engine: str = ""
    auto_why: str = ""
    fastest: str = ""
    conclusion: str = ""
    quick: bool = False
    boundary_cells: float | None = None
    rows: list[Row] = field(default_factory=list)
    components: list[ComponentRow] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON."""
        record = asdict(self)
        record["parts"] = record.pop("components")  # the file's name for it
        return record
