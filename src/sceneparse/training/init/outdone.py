"""Whether a training made the model that it started from better: that one is validated before the first step."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sceneparse.arguments import argument
from sceneparse.training.init.report import COUNTER
from sceneparse.training.init.transfer import AUXILIARY
from sceneparse.training.prepare import Prepared
from sceneparse.training.progress import say_once
from sceneparse.training.validation import network_with, validate, worth
from sceneparse.training.written import read_started


def with_validated_start(prepared: Prepared) -> Prepared:
    """Return a training that knows what the model scores that it starts from, where all that predicts is that model's.

    Where classes are new, its figures say nothing beside those of the training. All processes call it together.

    Args:
        prepared: A training before its first step.
    """
    started = prepared.started
    if started is None or any(map(_predicts, started.account.made_new())):
        return prepared
    say_once(f"validating what the training starts from, {started.source['model']}")
    shown = prepared.compute.processes.first and sys.stderr.isatty()
    with network_with(prepared, None) as network:
        metrics = validate(network, prepared.data, prepared.recipe, prepared.compute, progress=shown)
    facts = {"mean_iou": metrics["mean_iou"], "score": worth(metrics), "protocol": metrics["protocol"]}
    return replace(prepared, started=replace(started, validation=facts))


def not_better(prepared: Prepared, run: Path, best: Mapping[str, Any]) -> str | None:
    """Return what is to be said of a training whose best network is no better than its start; None of any other.

    Args:
        prepared: The training.
        run: Its run folder, where init.json is.
        best: The best validation, as of `validate`.
    """
    if prepared.recipe.init.model is None:
        return None
    before = read_started(run).get("validation")
    if before is None or before["protocol"] != best["protocol"] or worth(best) > before["score"]:
        return None
    what = "mean of the tasks' scores" if "headlines" in best else "mean IoU"
    return (
        f"the best model ({what} {100 * worth(best):.2f}%) is not better than what the training started from, "
        f"{prepared.recipe.init.model} ({100 * before['score']:.2f}%); a smaller {argument('optimizer.lr')} may help"
    )


def _predicts(name: str) -> bool:
    """Whether a tensor has a part in what a network predicts: not the auxiliary head's, nor a count of batches."""
    return not name.startswith(f"{AUXILIARY}.") and not name.endswith(COUNTER)
