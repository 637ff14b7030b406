"""What to do about each kind of finding: what always holds, and the steps that a model's training has not taken yet."""

from collections.abc import Sequence
from dataclasses import dataclass

from sceneparse.diagnosing.findings import Kind
from sceneparse.diagnosing.origin import Origin
from sceneparse.diagnosing.steps import (
    Offer,
    Step,
    averaged_tests,
    averaged_weights,
    border_loss,
    class_weights,
    copy_paste,
    deep_supervision,
    deeper_backbone,
    finer_maps,
    global_context,
    larger_crop,
    rare_crops,
    steps,
    whole_pictures,
)
from sceneparse.inference.protocol import TestProtocol

MOST = 3
"""Steps that are named: more would be no advice."""


@dataclass(frozen=True)
class Remedy:
    """What to do about a kind of finding.

    Args:
        first: What comes before any setting: a sentence; may be empty.
        offers: Steps that may help, the best first.
        last: What is left in any case, as a step; empty where nothing is.
        after: A sentence at the end; may be empty.
    """

    first: str
    offers: tuple[Offer, ...]
    last: str
    after: str = ""


REMEDIES: dict[Kind, Remedy] = {
    "mismatched": Remedy(
        "Let the model see more of the scene.",
        (whole_pictures, global_context, larger_crop, deeper_backbone),
        "show it more training pictures of scenes like those of the examples, without that class",
    ),
    "confusable": Remedy(
        "Look at the truth of the examples first: where two annotators would disagree, mend the labels or merge the "
        "two classes.",
        (deeper_backbone, averaged_weights, deep_supervision),
        "train on more pictures that hold both",
    ),
    "inconspicuous": Remedy(
        "Show the model more pixels of it.",
        (finer_maps, rare_crops, class_weights, copy_paste),
        "label more training pictures that hold it",
    ),
    "boundary": Remedy(
        "Finer maps draw better boundaries.",
        (finer_maps, averaged_tests("0.75 1 1.25"), border_loss),
        "",
        "Part of this loss is the annotators' own hand and can't be mended.",
    ),
}


def remedy(kind: Kind, origin: Origin, protocol: TestProtocol) -> str:
    """Return what to do about a kind of finding, leaving out what was done already.

    Args:
        kind: The kind.
        origin: What is known of the model's training.
        protocol: By which protocol it was tested.

    Returns:
        Sentences; settings and options stand between backticks.
    """
    own = REMEDIES[kind]
    found = steps(own.offers, origin, protocol)[:MOST]
    return " ".join(filter(None, (own.first, in_words(found, own.last, origin), own.after)))


def in_words(found: Sequence[Step], last: str, origin: Origin) -> str:
    """Return steps as a sentence or two; empty without any.

    Args:
        found: The steps, the best first.
        last: What is left in any case; may be empty.
        origin: What is known of the model's training.
    """
    texts = [*(one.text for one in found), *([last] if last else [])]
    if not texts:
        return ""
    said = "; or ".join(texts)
    said = f"{said[:1].upper()}{said[1:]}."
    if not origin.known and any(one.settings for one in found):
        said += " What its training did already is not known here: leave that out."
    return said
