"""What a recorded output is, by its name, the manifest's words for it, and its shape."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from sceneparse.networks import resize

Form = Literal["logits", "log_softmax", "softmax", "labels", "loss", "accuracy", "map", "gradient_norms"]

TASKS = ("scene", "object", "part", "material")
HALVES = ("encoder", "decoder")
"""Of a pair of checkpoints."""

FORMS: tuple[tuple[frozenset[str], Form], ...] = (
    (frozenset({"loss", "nll", "ce", "total"}), "loss"),
    (frozenset({"acc", "accuracy", "metric"}), "accuracy"),
    (frozenset({"pred", "preds", "label", "labels", "argmax"}), "labels"),
    (frozenset({"logp", "logprob", "logsoftmax"}), "log_softmax"),
    (frozenset({"prob", "probs", "score", "scores", "softmax"}), "softmax"),
    (frozenset({"decoder", "decoded"}), "map"),
)
"""Words of a name, in the order in which they decide."""

Size = tuple[int, int]


@dataclass(frozen=True)
class Wanted:
    """A recorded output.

    Args:
        name: Its name.
        shape: Its shape.
        meaning: What the manifest says about it, or nothing.
        form: What was made of the logits.
        task: The task of a network that has several, or nothing.
        head: The head that it comes from.
        own_size: Whether it has the network's own size rather than the picture's, as its name says.
        align_corners: The reading of it that was recorded beside the published one, or None.
    """

    name: str
    shape: tuple[int, ...]
    meaning: str
    form: Form
    task: str
    head: Literal["main", "aux", "image", "all"]
    own_size: bool
    align_corners: bool | None

    @classmethod
    def read(cls, name: str, shape: tuple[int, ...], meaning: str) -> "Wanted":
        """What an output is."""
        reading = re.search(r"_ac_(false|true)", name)
        words = words_of(name)
        form: Form = next((form for known, form in FORMS if words & known), "logits")
        if words & {"grad", "gradient"} and words & {"norm", "norms"}:
            form = "gradient_norms"
        task = next((task for task in TASKS if any(names_task(word, task) for word in words)), "")
        return cls(
            name,
            shape,
            meaning,
            form,
            task,
            _head(words, len(shape), form, bool(task)),
            "raw" in words or form == "log_softmax",
            None if reading is None else reading[1] == "true",
        )

    def sized(self, logits: Tensor, picture: Size, align_corners: bool) -> Tensor:
        """Logits (N, C, h, w) at the size at which they were recorded: their own, the picture's, or one that is named.

        Raises:
            ValueError: None of these gives the recorded shape.
        """
        own = (logits.shape[-2], logits.shape[-1])
        named = [
            (int(rows), int(columns)) for rows, columns in re.findall(r"[sS]ize ?= ?\((\d+), ?(\d+)\)", self.meaning)
        ]
        sizes = [own, *named, picture] if self.own_size else [*named, picture, own]
        steps = self._steps(len(self.shape))
        if steps[-2:] == (1, 1):
            sizes.append((self.shape[-2], self.shape[-1]))
        for size in sizes:
            stored = [-(-side // step) for side, step in zip(size, steps[-2:], strict=True)]
            if stored == list(self.shape[-2:]):
                return logits if size == own else resize(logits, size, align_corners)
        raise ValueError(f"output {self.name} is {list(self.shape)}, which no size known gives: {sizes}")

    def stored(self, value: Tensor) -> Tensor:
        """The part of a value that was recorded."""
        return value[tuple(slice(None, None, step) for step in self._steps(value.ndim))].contiguous()

    def _steps(self, count: int) -> tuple[int, ...]:
        """Every how many of each axis were recorded: "stored [:, :, ::2, ::2]"."""
        found = re.search(r"\[(:[:\d, ]*)\]", self.meaning)
        given = [] if found is None else [int(part.strip()[2:] or 1) for part in found[1].split(",")]
        return (*given, *[1] * (count - len(given)))[:count]


def words_of(name: str) -> set[str]:
    """The words of an output's or an input's name."""
    return set(re.split(r"[._:/\-]+", name.lower()))


def names_task(word: str, task: str) -> bool:
    """Whether a word of a name stands for a task: "object", "objects" or "obj"."""
    return word.rstrip("s") == task or (len(word) >= 3 and task.startswith(word))


def state_entry(name: str) -> tuple[Literal["grad", "after"], str] | None:
    """What an output says of a parameter or buffer, "grad:KEY" or "after:KEY", and the key; None if it is no such.

    Of a pair of checkpoints the half may stand anywhere before the key, with any sign between: "grad:encoder.KEY",
    "grad:encoder:KEY", "grad:enc/KEY", "encoder/grad:KEY" and "grad_encoder:KEY" are one.
    """
    found = re.fullmatch(r"(?:(enc|dec)(?:oder)?[.:/_])?(grad|after)[.:/_](.+)", name)
    if found is None or "grad_norm" in name:
        return None
    half, kind, key = found.groups()
    key = key.removeprefix("module.")
    if half is None and (own := re.match(r"(enc|dec)(?:oder)?[.:/]", key)):
        half, key = own[1], key[own.end() :]
    return ("grad" if kind == "grad" else "after"), f"{half}oder.{key}" if half else key


def _head(words: set[str], axes: int, form: Form, task: bool) -> Any:
    if words & {"aux", "auxiliary", "deepsup", "deep"}:
        return "aux"
    if not task and (axes == 2 or (form == "loss" and words & {"cls", "image"})):
        return "image"
    if form == "loss" and not words & {"main", "seg", "decode"}:
        return "all"
    return "main"
