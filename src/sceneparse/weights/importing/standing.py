"""What the groups in which a mean and a standard deviation stand say of them: a normalisation, or something measured.

Trainings leave means of many things beside their weights: of scores over folds, of times, of an initialiser's numbers.
"""

import re
from collections.abc import Sequence
from typing import Literal

from sceneparse.weights.importing.left_out import METRIC

Standing = Literal["preprocessing", "plain", "doubtful", "other"]
"""That of a group whose name means what is done to pictures; of one that says nothing; of one whose numbers may be
results; of one whose numbers are something else's."""

KINDS = ("type", "_target_", "__class_fullname__", "class_path")
"""Keys under which configurations name the class that a group is made into: those of MMEngine, Hydra,
albumentations and Lightning."""

WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

PREPROCESSING = frozenset(
    {"normalize", "normalise", "normalized", "normalised", "normalization", "normalisation", "normalizer", "normaliser"}
    | {"preprocess", "preprocessing", "preprocessor", "preproc", "transform", "transforms", "processor"}
)
"""Words of what is done to pictures before a network sees them."""

PICTURES = frozenset({"data", "dataset", "datasets", "datamodule", "image", "images", "img", "pixel", "pixels"}) | {
    *("input", "inputs", "rgb", "picture", "pictures")
}
"""Words of what a normalisation is computed of."""

LAYERS = frozenset({"batch", "layer", "group", "instance", "spectral", "weight", "grad", "gradient", "loss", "target"})
"""What else is normalised: "norm" beside one of these is not of pictures."""

WHEN = frozenset(
    {"val", "valid", "validation", "test", "testing", "eval", "fold", "folds", "cv", "cross", "stat", "stats"}
    | {
        "statistics",
        "summary",
        "best",
        "final",
        "seed",
        "seeds",
        "run",
        "runs",
        "trial",
        "trials",
        "report",
        "benchmark",
    }
)
"""Words of what was measured at a time, which may be pictures' values or scores."""

WHAT = frozenset(
    {"init", "inits", "initializer", "initialiser", "initialization", "initialisation", "noise", "blur", "jitter"}
    | {
        "time",
        "times",
        "timing",
        "timings",
        "ms",
        "sec",
        "seconds",
        "latency",
        "duration",
        "speed",
        "fps",
        "throughput",
    }
    | {"epoch", "epochs", "area", "areas", "target", "targets", "depth", "mask", "masks", "box", "boxes", "bbox"}
    | {"result", "results", "score", "scores", "metric", "metrics", "history", "evaluation", "gradient", "gradients"}
    | {"grad", "grads", "loss", "losses", "confidence", "anchor", "anchors", "reward", "activation", "activations"}
    | {"feature", "features", "embedding", "embeddings", "latent", "prior"}
)
"""Words of what has a mean and a standard deviation that are none of pictures."""


def standing(path: Sequence[str], kinds: Sequence[str], names: Sequence[str] = ()) -> Standing:
    """Return what the groups around a mean say of it.

    Args:
        path: The names of the groups, from the outermost.
        kinds: What the innermost says that it is made into, such as "albumentations.Normalize" (`KINDS`).
        names: What it is called by a `name` of its own.
    """
    found: Standing = "plain"
    for part in path:
        words = _words(part)
        if words & WHAT or METRIC.match(part):
            return "other"
        if _is_preprocessing(words):
            found = "preprocessing"
        elif words & PICTURES and found == "doubtful":
            found = "plain"
        elif words & WHEN and not words & PICTURES and found == "plain":
            found = "doubtful"
    for kind in (*kinds, *names):
        words = _words(kind.rpartition(".")[2])
        if words & WHAT:
            return "other"
        if _is_preprocessing(words):
            return "preprocessing"
        if kind in kinds and not words & PICTURES:
            found = "doubtful"
    return found


def _is_preprocessing(words: frozenset[str]) -> bool:
    return bool(
        words & PREPROCESSING
        or ("norm" in words and not words & LAYERS)
        or {"pre", "process"} <= words
        or ("data" in words and words & {"config", "cfg"})
    )


def _words(name: str) -> frozenset[str]:
    """Return the words in a name that are parted by underscores, digits or capitals."""
    return frozenset(word.lower() for word in WORDS.findall(name))
