"""Settings of the training loop."""

from dataclasses import dataclass, field
from typing import Literal

from sceneparse.errors import require
from sceneparse.settings.average import AverageSettings
from sceneparse.settings.device import checked_device
from sceneparse.settings.types import check_types

Precision = Literal["auto", "float32", "tf32", "bfloat16", "float16"]


@dataclass(frozen=True)
class TrainingSettings:
    """The training loop, counted in iterations (optimiser steps).

    Args:
        iterations: Number of optimiser steps.
        minutes: Time for all of the training, in place of iterations: how many fit is decided after a few steps of
            measuring, and written down.
        decided: Written into its recipe by a run with minutes: the iterations that they came to. What has no effect in
            a training of that length is then said, not refused.
        batch: Pictures in a step, over all processes and chunks (`accumulate`). auto: as many as fit into memory, found
            before the first step, at most 64 and at most the training split; the learning rate stays what it is.
        accumulate: Chunks in which a step's batch is worked through, to save memory.
        activation_checkpointing: Keep only the inputs of the backbone's blocks for the backward pass, and compute the
            blocks once more there: the same numbers for less memory and more time.
        compile: Let torch.compile fuse the network's operations before the first step, which takes minutes; on the CPU
            this needs a C++ compiler.
        graph: Record a step's forward and backward pass as a CUDA graph and replay it, so that the device doesn't wait
            for the program. For one process on a CUDA device, with pictures of one size (augmentation.crop).
        precision: float32, bfloat16 or float16 (mixed), tf32 (float32 numbers that a GPU multiplies in TF32), or auto:
            bfloat16 where the machine has instructions for it, else float32.
        seed: Decides everything random: weights, order, augmentation, dropout.
        validate_every: Iterations between validations (and a last one at the end), below 1 as a share of them all: 0.1
            validates ten times; 0 validates at the end only.
        validate_count: Pictures of each periodic validation, evenly spaced in the split; null takes all.
        patience: Ends the training after so many validations without a better score; null never does.
        min_delta: With patience: a score must be better by more than this (0.01: a point of mean IoU) to count.
        average: A moving average of the weights; the model is the better of both by validation.
        checkpoint_every: Iterations between checkpoints (and a last one at the end).
        log_every: Iterations between lines of metrics.jsonl.
        device: auto (the GPU if there is one), cpu, cuda, cuda:N, mps, xpu or xpu:N.
    """

    iterations: int = 20000
    minutes: float | None = None
    decided: int | None = None
    batch: int | Literal["auto"] = 16
    accumulate: int = 1
    activation_checkpointing: bool = False
    compile: bool = False
    graph: bool = False
    precision: Precision = "auto"
    seed: int = 0
    validate_every: int | float = 1000
    validate_count: int | None = None
    patience: int | None = None
    min_delta: float = 0.0
    average: AverageSettings = field(default_factory=AverageSettings)
    checkpoint_every: int = 500
    log_every: int = 20
    device: str = "auto"

    def __post_init__(self) -> None:
        check_types(self, "training")
        for name in ("iterations", "accumulate", "checkpoint_every", "log_every"):
            require(getattr(self, name) >= 1, f"training.{name} is {getattr(self, name)}, but must be at least 1")
        every = self.validate_every
        require(every >= 0, f"training.validate_every is {every}, but must be 0 or more")
        require(
            every < 1 or every == int(every),
            f"training.validate_every is {every}, but must be a whole number, or below 1 as a share of the iterations",
        )
        self._check_length()
        checked_device(self.device, "training.device")
        require(self.seed >= 0, f"training.seed is {self.seed}, but must be 0 or more")
        require(
            self.validate_count is None or self.validate_count >= 1,
            f"training.validate_count is {self.validate_count}, but must be at least 1 or null",
        )
        require(
            self.batch == "auto" or self.batch >= 1, f"training.batch is {self.batch}, but must be at least 1, or auto"
        )
        require(
            self.batch == "auto" or self.batch % self.accumulate == 0,
            f"training.batch is {self.batch}, but must be a multiple of training.accumulate = {self.accumulate}",
        )
        require(
            not (self.compile and self.activation_checkpointing),
            "training.activation_checkpointing has no effect beside training.compile, which decides itself what it "
            "keeps for the backward pass: leave one of them out",
        )
        require(
            not (self.graph and self.activation_checkpointing),
            "training.activation_checkpointing reads the generators' states within a step, which training.graph cannot "
            "record: leave one of them out",
        )

    def _check_length(self) -> None:
        """Refuse lengths that contradict each other, and an early end that could not be."""
        minutes, patience = self.minutes, self.patience
        require(minutes is None or minutes > 0, f"training.minutes is {minutes}, but must be positive, or null")
        require(
            self.decided is None or self.decided >= 1,
            f"training.decided is {self.decided}, but must be at least 1, or null",
        )
        usual = type(self).iterations
        require(
            minutes is None or self.iterations == usual,
            f"training.minutes and training.iterations both say how long it takes: leave one of them out (iterations "
            f"is {usual} then)",
        )
        require(patience is None or patience >= 1, f"training.patience is {patience}, but must be at least 1, or null")
        require(
            patience is None or self.validate_every > 0,
            "training.patience has no effect, since training.validate_every is 0: there is one validation, at the end",
        )
        require(self.min_delta >= 0, f"training.min_delta is {self.min_delta}, but must be 0 or more")
        require(
            patience is not None or self.min_delta == 0,
            "training.min_delta has no effect, since training.patience is null: nothing ends the training early",
        )

    @property
    def pictures(self) -> int:
        """The batch, which must be a number: "auto" has become one before the first step."""
        assert self.batch != "auto", "training.batch is auto: it is found before the first step"
        return self.batch
