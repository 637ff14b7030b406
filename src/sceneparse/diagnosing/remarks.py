"""What is to be said of a model before its failures: how its training ended, and which classes it never predicts."""

import shlex
from pathlib import Path

from sceneparse.diagnosing.advice import Advice, points
from sceneparse.diagnosing.diagnose import Diagnosis
from sceneparse.diagnosing.history import Climbing, History, OverFitting
from sceneparse.diagnosing.origin import Origin
from sceneparse.diagnosing.remedies import MOST, in_words
from sceneparse.diagnosing.steps import (
    Offer,
    averaged_weights,
    changed_colors,
    class_weights,
    copy_paste,
    finer_maps,
    pretrained,
    rare_crops,
    repeated_pictures,
    steps,
    wider_scales,
)
from sceneparse.diagnosing.unpredicted import Unpredicted, joint_gain, unpredicted
from sceneparse.errors import counted
from sceneparse.evaluation.page import percent
from sceneparse.weights.run_folder import RECIPE, named
from sceneparse.weights.trained import resume_command

LONGER = 2
"""How many times as long the next training is to be."""

PASSES, MANY, ENOUGH = 5, 1000, 20
"""A training of fewer passes over its pictures and fewer iterations has learnt little; so many passes are advised."""

FREQUENT = 0.1
"""Share of the training pictures from which on a class is not rare: to draw its pictures more often would not help."""

AGAINST_FITTING: tuple[Offer, ...] = (pretrained, wider_scales, changed_colors, copy_paste, averaged_weights)
FOR_RARE: tuple[Offer, ...] = (repeated_pictures, class_weights, rare_crops, copy_paste)
FOR_FREQUENT: tuple[Offer, ...] = (class_weights, rare_crops, finer_maps, copy_paste)
FOR_TINY_AND_RARE: tuple[Offer, ...] = (rare_crops, repeated_pictures, class_weights, copy_paste)
FOR_TINY: tuple[Offer, ...] = (rare_crops, class_weights, finer_maps, copy_paste)

NAMED = 6
"""Classes that a sentence names."""


def remarks(diagnosis: Diagnosis, origin: Origin) -> list[Advice]:
    """Return what is to be said first, as text for a terminal; `advice.marked` makes HTML of the remedies.

    Args:
        diagnosis: What was found.
        origin: What is known of the model's training.
    """
    found = []
    if brief := hardly_trained(origin):
        found.append(brief)
    elif (history := origin.history) is not None:
        found += [] if history.climbing is None else [_climbing(history.climbing, history, origin)]
        found += (
            [] if history.over_fitting is None else [_over_fitting(history.over_fitting, history, origin, diagnosis)]
        )
    if never := unpredicted(diagnosis):
        found.append(_unpredicted(never, origin, diagnosis))
    return found


def hardly_trained(origin: Origin) -> Advice | None:
    """Return what is to be said of a training that has ended before it could learn much; None of any other."""
    seen, run, warmup = origin.seen, origin.run, origin.recipe.optimizer.warmup if origin.known else 0
    if seen is None or run is None or origin.state != "ended":
        return None
    warming = seen.iterations < 2 * warmup
    if not warming and (seen.passes >= PASSES or seen.iterations >= MANY):
        return None
    evidence = (
        f"In its {counted(seen.iterations, 'iteration')} of {counted(seen.batch, 'picture')} it saw each of its "
        f"{seen.samples:,} training pictures {seen.passes:.2g} times"
    )
    evidence += (
        f", and the learning rate still grew during the first {warmup} (`optimizer.warmup`)." if warming else "."
    )
    wanted = max(seen.of_passes(ENOUGH), 10 * warmup)
    remedy = (
        f"Train longer, anew, before anything else is changed, such as by `{longer_command(run, wanted)}`. "
        "Where that takes too long, a smaller `augmentation.crop` or network sees more pictures in the same time."
        if origin.known
        else "Train longer before anything else is changed."
    )
    return Advice("It has hardly been trained", evidence, remedy)


def _climbing(one: Climbing, history: History, origin: Origin) -> Advice:
    pace = 1000 * (one.high - one.low) / max(one.last - one.first, 1)
    evidence = (
        f"Through its last {one.validations} validations, from iteration {one.first:,} to {one.last:,}, the "
        f"{history.score} rose from {percent(one.low)} to {percent(one.high)}, {points(pace)} points in 1,000 "
        "iterations: more steadily than chance would have it."
    )
    run = origin.run
    assert run is not None  # whose record says it
    if origin.state == "going":
        return Advice("It is still learning", evidence, "Wait for the end of its training, which goes on.")
    if origin.state in ("interrupted", "failed"):
        remedy = f"Go on with its training, which did not come to its end: `{resume_command(run)}`."
        return Advice("It was still learning when its training stopped", evidence, remedy)
    command = longer_command(run, LONGER * origin.recipe.training.iterations)
    remedy = (
        f"Train {LONGER} times as long: `{command}`. That begins anew, since the learning rate of a training that has "
        "ended has gone down with it."
        if origin.known
        else "Train longer."
    )
    return Advice("It was still learning when its training ended", evidence, remedy)


def longer_command(run: Path, iterations: int) -> str:
    """Return the command that trains by a run's recipe for longer, for people to copy.

    Args:
        run: The run folder.
        iterations: How many iterations it is to have.
    """
    run = named(run)
    recipe, out = (shlex.quote(str(path)) for path in (run / RECIPE, run.parent / f"{run.name}-longer"))
    return f"sceneparse train {recipe} --training.iterations {iterations} --out {out}"


def _over_fitting(one: OverFitting, history: History, origin: Origin, diagnosis: Diagnosis) -> Advice:
    evidence = (
        f"Its best validation was at iteration {one.best_iteration:,}, with a {history.score} of "
        f"{percent(one.best)}; up to iteration {one.last:,} that fell to {percent(one.end)}, while the training loss "
        f"fell from {one.loss_then:.3g} to {one.loss_end:.3g}."
    )
    found = steps(AGAINST_FITTING, origin, diagnosis.evaluation.protocol)[:MOST]
    remedy = (
        f"Its model is that of the best validation; to train longer would gain nothing. "
        f"{in_words(found, 'label more training pictures', origin)}"
    )
    return Advice("It has learnt its training pictures by heart", evidence, remedy)


def _unpredicted(never: tuple[Unpredicted, ...], origin: Origin, diagnosis: Diagnosis) -> Advice:
    names, looked_at = diagnosis.evaluation.labels.names, diagnosis.relations.pictures
    said = [f"“{names[one.index]}”" for one in never]
    gain = points(joint_gain(diagnosis, [one.index for one in never]))
    title = f"{said[0]} is never predicted" if len(never) == 1 else f"{len(never)} classes are never predicted"
    each = [
        f"{name} ({counted(one.pixels, 'true pixel')} here, in {one.training_pictures:,} of "
        f"{counted(looked_at, 'training picture')})"
        for name, one in zip(said, never[:NAMED], strict=False)
    ]
    more = f" and {len(never) - NAMED} more" if len(never) > NAMED else ""
    evidence = (
        f"No pixel at all was given the label of {', '.join(each)}{more}. "
        f"To find {'it' if len(never) == 1 else 'them'} would be worth {gain} points of the mean IoU."
    )
    return Advice(title, evidence, _for_unpredicted(never, said, origin, diagnosis))


def _for_unpredicted(never: tuple[Unpredicted, ...], said: list[str], origin: Origin, diagnosis: Diagnosis) -> str:
    """What to do: pictures for a class that has none, crops over a tiny one, other draws for a rare one, weights."""
    looked_at, protocol = diagnosis.relations.pictures, diagnosis.evaluation.protocol
    unseen = [name for name, one in zip(said, never, strict=True) if not one.training_pictures]
    tiny = [name for name, one in zip(said, never, strict=True) if one.training_pictures and not one.larger]
    seen = [one for one in never if one.training_pictures]
    texts = []
    if unseen:
        texts.append(
            f"No training picture that was looked at shows {_some(unseen)}: label some that do, or leave out what "
            "cannot be learnt (`data.classes.drop`)."
        )
    if seen:
        if hardly_trained(origin) or (origin.history is not None and origin.history.climbing is not None):
            texts.append("What is rare is learnt last: train longer first.")
        if tiny:
            texts.append(f"Training pictures show {_some(tiny)}, but on less than 0.1% of their pixels each.")
        rare = min(one.training_pictures for one in seen) < FREQUENT * looked_at
        offers = (FOR_TINY_AND_RARE if rare else FOR_TINY) if tiny else FOR_RARE if rare else FOR_FREQUENT
        found = steps(offers, origin, protocol)[:MOST]
        texts.append(in_words(found, "label more training pictures that show it", origin))
    return " ".join(texts)


def _some(names: list[str]) -> str:
    """The first of some names, and how many more there are."""
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
