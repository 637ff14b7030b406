"""Advice is followed as it is written, changes the recipe, and is never what the recipe says already."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sceneparse.cli.settings import given_settings
from sceneparse.data.sample import Sample
from sceneparse.diagnosing import Case, Diagnosis, diagnose, learn
from sceneparse.diagnosing.advice import marked
from sceneparse.diagnosing.findings import KINDS
from sceneparse.diagnosing.history import Climbing, History, OverFitting
from sceneparse.diagnosing.origin import Origin, Seen, anything
from sceneparse.diagnosing.remarks import AGAINST_FITTING, FOR_FREQUENT, FOR_RARE, longer_command, remarks
from sceneparse.diagnosing.remedies import REMEDIES, in_words, remedy
from sceneparse.diagnosing.steps import DEEPER, Offer, averaged_tests, larger_crop, steps
from sceneparse.diagnosing.unpredicted import unpredicted_json
from sceneparse.inference import TestProtocol, resolve
from sceneparse.labels import LabelSpace
from sceneparse.recipes import read_recipe, to_yaml
from sceneparse.settings import Recipe
from tests.diagnosing.test_report import diagnosis as diagnosis

ALL: dict[str, Sequence[Offer]] = {
    **{str(kind): own.offers for kind, own in REMEDIES.items()},
    "fitting": AGAINST_FITTING,
    "rare": FOR_RARE,
    "frequent": FOR_FREQUENT,
}
EVERYTHING: dict[str, Any] = {
    "backbone": {"name": "resnet152", "weights": "hub"},
    "network": {"architecture": "upernet", "output_stride": 32, "aux": True},
    "augmentation": {"crop": None, "scale": (1, 1), "short": (256,), "photometric": True, "copy_paste": 0.5},
    "sampling": {"repeat_threshold": 0.1},
    "loss": {"kind": "boundary_cross_entropy", "class_weights": "median"},
    "training": {"average": {"decay": 0.99}},
    "protocol": {"scales": (0.5, 1.0), "flip": True},
}
RECIPES: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("toy-pspnet", {"loss": {"class_weights": None}}),
    "fcn": ("toy-fcn", {"network": {"output_stride": 32, "aux": False}}),
    "a part of it": ("toy-pspnet", {"loss": {"class_weights": "median"}, "training": {"average": {"decay": 0.9}}}),
    "upernet": ("toy-pspnet", {"network": {"architecture": "upernet", "output_stride": None, "bins": (1, 2, 3, 6)}}),
    "vit": ("linear-dinov2-small", {"data": {"kind": "toyworld"}}),
    "everything": ("toy-pspnet", EVERYTHING),
}


@cache
def origin_of(name: str) -> tuple[Origin, TestProtocol]:
    recipe = read_recipe(RECIPES[name][0], **RECIPES[name][1])
    return replace(anything(), recipe=recipe, known=True), resolve(recipe.protocol)


def followed(words: str, recipe: Path) -> Recipe:
    """A run's recipe with the settings that are typed."""
    changes: Any = given_settings(Recipe, shlex.split(words))
    return read_recipe(recipe, **changes)


def offered(name: str) -> set[str]:
    """The settings, as they are typed, of all steps that a recipe is offered."""
    origin, protocol = origin_of(name)
    found = [one for offers in ALL.values() for one in steps(offers, origin, protocol) if one.settings]
    assert all(origin.accepts(one.settings) for one in found), "never what it says already"
    return {typed for one in found for typed in re.findall("`(.*)`", one.text)}


def test_each_step_as_it_is_typed_makes_another_recipe_that_is_accepted(tmp_path: Path) -> None:
    seen: set[str] = set()
    for name in ("plain", "fcn", "vit"):
        recipe, own = tmp_path / f"{name}.yaml", origin_of(name)[0].recipe
        recipe.write_text(to_yaml(own))
        # To read a recipe takes a while: steps of different groups of settings are followed together.
        lines: list[dict[str, str]] = []
        for typed in sorted(offered(name) - seen):
            group = typed.removeprefix("--").partition(".")[0]
            line = next((one for one in lines if group not in one), {})
            lines += [] if line else [line]
            line[group] = typed
            seen.add(typed)
        for line in lines:
            changed = followed(" ".join(line.values()), recipe)
            assert all(getattr(changed, group) != getattr(own, group) for group in line)
    assert len(seen) >= 12


def test_what_a_recipe_says_already_is_not_advised() -> None:
    plain = {"--training.average.decay 0.999", "--loss.class_weights median", "--sampling.rare_crops 0.5"}
    assert plain <= offered("plain")
    some = offered("a part of it")
    assert "--sampling.repeat_threshold 0.1" in some
    assert not any(word in typed for typed in some for word in ("class_weights", "average"))
    assert {"--network.architecture pspnet", "--network.output_stride 8", "--network.aux true"} <= offered("fcn")
    assert "--backbone.name vit_base_patch14_dinov2" in offered("vit")
    assert not any("architecture" in typed for typed in offered("upernet"))
    assert offered("everything") == set()


def test_options_of_a_test_are_only_those_that_it_lacked() -> None:
    origin = anything()
    offer = averaged_tests("0.75 1 1.25")
    options = {
        TestProtocol(): "`sceneparse evaluate MODEL --scales 0.75 1 1.25 --flip`",
        TestProtocol(flip=True): "over scales gives, ",
        TestProtocol(scales=(0.5, 1.0)): "`sceneparse evaluate MODEL --scales 0.5 1 --flip`",
    }
    for protocol, typed in options.items():
        one = offer(origin, protocol)
        assert one is not None and typed in one.text
    assert offer(origin, TestProtocol(scales=(0.5, 1.0), flip=True)) is None
    assert "--protocol whole" in remedy("mismatched", origin, TestProtocol("window", window=(8, 8)))
    assert "--protocol whole" not in remedy("mismatched", origin, TestProtocol())
    known = replace(origin, test="sceneparse evaluate runs/a --data my-data --split val")
    assert f"`{known.test} --protocol whole`" in remedy("mismatched", known, TestProtocol("window", window=(8, 8)))
    assert f"`{known.test} --scales 0.75 1 1.25 --flip`" in remedy("boundary", known, TestProtocol())


def test_averages_are_no_advice_for_a_class() -> None:
    # They took from one class, of which they were advised, 11 of its 12 points.
    for kind in ("mismatched", "confusable", "inconspicuous"):
        for name in RECIPES:
            said = remedy(kind, *origin_of(name))
            assert "--scales" not in said and "--flip" not in said


def test_where_everything_is_done_what_is_left_is_said() -> None:
    origin, protocol = origin_of("everything")
    texts = {kind: remedy(kind, origin, protocol) for kind in KINDS}
    assert not any("--" in text for text in texts.values())
    assert "train on more pictures that hold both" in texts["confusable"].lower()
    assert texts["inconspicuous"].endswith("Label more training pictures that hold it.")
    assert "annotators' own hand" in texts["boundary"]


def test_a_crop_that_shows_whole_pictures_need_not_grow() -> None:
    origin, protocol = origin_of("plain")
    augmentation = replace(origin.recipe.augmentation, crop=(473, 473))
    origin = replace(origin, recipe=replace(origin.recipe, augmentation=augmentation))
    one = larger_crop(origin, protocol)
    assert one is not None and one.settings == {"augmentation.crop": (713, 713)}
    assert larger_crop(replace(origin, short=480), protocol) is not None
    assert larger_crop(replace(origin, short=473), protocol) is None


def test_of_an_unknown_training_it_is_said_that_its_settings_are_not_known() -> None:
    assert "not known here" in remedy("inconspicuous", anything(), TestProtocol())
    assert "not known here" not in remedy("inconspicuous", origin_of("plain")[0], TestProtocol())
    assert in_words([], "", anything()) == ""


def test_larger_backbones_never_lead_in_a_circle() -> None:
    for name in DEEPER:
        seen = [name]
        while seen[-1] in DEEPER:
            seen.append(DEEPER[seen[-1]])
            assert len(set(seen)) == len(seen)


RISEN = History(9, Climbing(4, 600, 900, 0.3, 0.36), None)
FITTED = History(9, None, OverFitting(300, 0.5, 900, 0.4, 1.0, 0.5))


def about(origin: Origin, history: History | None, **facts: Any) -> Origin:
    return replace(origin, history=history, **facts)


def test_a_training_that_still_climbed_is_to_be_longer_by_a_command_that_works(
    diagnosis: Diagnosis, tmp_path: Path
) -> None:
    run = tmp_path / "my run"
    run.mkdir()
    origin = about(origin_of("plain")[0], RISEN, run=run, state="ended")
    (run / "recipe.yaml").write_text(to_yaml(origin.recipe))
    first = remarks(diagnosis, origin)[0]
    assert "still learning" in first.title and "from 30.00% to 36.00%, +20.00 points in 1,000" in first.evidence
    (command,) = re.findall("`(.*?)`", first.remedy)
    program, verb, recipe, *words = shlex.split(command)
    assert (program, verb, recipe) == ("sceneparse", "train", str(run / "recipe.yaml"))
    assert words[-2:] == ["--out", f"{run}-longer"]
    assert command == longer_command(run, 2 * origin.recipe.training.iterations)
    changed = followed(shlex.join(words[:-2]), run / "recipe.yaml")
    assert changed.training.iterations == 2 * origin.recipe.training.iterations
    assert changed == replace(origin.recipe, training=changed.training)
    stopped = remarks(diagnosis, replace(origin, state="interrupted"))[0]
    assert stopped.remedy.endswith("--resume`.") and "--training.iterations" not in stopped.remedy
    assert "Wait" in remarks(diagnosis, replace(origin, state="going"))[0].remedy
    html = marked(first.remedy)
    assert html.startswith('Train 2 times as long:<code class="command"><span>sceneparse</span> <span>train</span> ')
    assert html.partition("</code>")[2].startswith("That begins anew"), "no sentence begins with a full stop"
    assert shlex.split(unescape(re.sub("<[^>]*>", "", html[html.index("<code") : html.index("</code>")]))) == (
        shlex.split(command)
    )


@pytest.mark.parametrize(
    ("seen", "warmup", "state", "said"),
    [
        (
            Seen(45, 8, 370),
            0,
            "ended",
            "In its 45 iterations of 8 pictures it saw each of its 370 training pictures 0.97",
        ),
        (Seen(90, 8, 100), 50, "ended", "and the learning rate still grew during the first 50 (`optimizer.warmup`)"),
        (Seen(240, 8, 370), 50, "ended", None),
        (Seen(1000, 8, 20210), 50, "ended", None),
        (Seen(45, 8, 370), 0, "going", None),
    ],
)
def test_a_training_that_has_hardly_begun_is_to_be_longer_before_all_else(
    seen: Seen, warmup: int, state: Any, said: str | None, diagnosis: Diagnosis, tmp_path: Path
) -> None:
    plain = origin_of("plain")[0]
    recipe = replace(plain.recipe, optimizer=replace(plain.recipe.optimizer, warmup=warmup))
    origin = about(replace(plain, recipe=recipe), RISEN, seen=seen, run=tmp_path, state=state)
    first, *others = remarks(diagnosis, origin)
    if said is None:
        assert "hardly" not in first.title
        return
    assert first.title == "It has hardly been trained" and said in first.evidence
    assert f"--training.iterations {max(20 * seen.samples // seen.batch, 10 * warmup)}" in first.remedy
    assert "-longer`. Where" in first.remedy and "longer, anew, before" in first.remedy
    assert marked(first.remedy).partition("</code>")[2].startswith("Where"), "no line begins with a comma"
    assert not any("still learning" in one.title for one in others)
    assert any("train longer first" in one.remedy for one in others)


def test_what_a_training_saw_is_read_from_its_record() -> None:
    facts = {"iteration": 45, "batch": 8, "training_samples": 370}
    assert Seen.of(facts) == Seen(45, 8, 370)
    assert Seen.of({**facts, "iteration": 0}) is None and Seen.of({}) is None
    assert Seen(45, 8, 370).of_passes(20) == 925


def test_against_over_fitting_there_is_what_the_recipe_lacks(diagnosis: Diagnosis, tmp_path: Path) -> None:
    origin = about(origin_of("plain")[0], FITTED, run=tmp_path)
    first = remarks(diagnosis, origin)[0]
    assert "by heart" in first.title and "at iteration 300" in first.evidence and "from 1 to 0.5" in first.evidence
    assert "--augmentation.photometric true" in first.remedy
    done = remarks(diagnosis, about(origin_of("everything")[0], FITTED, run=tmp_path))[0].remedy
    assert "--" not in done and done.endswith("Label more training pictures.")


def test_a_class_that_is_never_predicted_gets_advice_by_how_rare_it_is(diagnosis: Diagnosis) -> None:
    """In these pictures boats are read as cars; half of the training pictures show one."""
    origin = origin_of("plain")[0]
    [often] = remarks(diagnosis, origin)
    assert often.title == "“boat” is never predicted"
    assert "“boat” (1,728 true pixels here, in 30 of 60 training pictures)" in often.evidence
    assert "class_weights" in often.remedy and "repeat_threshold" not in often.remedy

    def seen_in(count: int) -> Diagnosis:
        present = diagnosis.relations.present.copy()
        present[4] = count
        return replace(diagnosis, relations=replace(diagnosis.relations, present=present, shown=present))

    [rare] = remarks(seen_in(2), origin)
    assert "--sampling.repeat_threshold 0.1" in rare.remedy
    [none] = remarks(seen_in(0), origin)
    assert "No training picture that was looked at shows “boat”" in none.remedy and "--" not in none.remedy
    climbing = about(origin, RISEN, run=Path("run"), state="ended")
    assert "train longer first" in remarks(seen_in(2), climbing)[1].remedy
    assert "--" not in remarks(seen_in(2), origin_of("everything")[0])[0].remedy
    record = unpredicted_json(diagnosis)
    assert [one["name"] for one in record] == ["boat"] and record[0]["pixels"] == 1728
    assert record[0]["gain"] == pytest.approx(1 / 6, abs=0.05)


@pytest.mark.parametrize(("shown", "repeated"), [(60, False), (3, True)])
def test_a_class_that_is_tiny_in_every_picture_is_shown_and_gets_crops_over_it(
    shown: int, repeated: bool, diagnosis: Diagnosis
) -> None:
    """As poles and traffic lights are: on no picture do they take 0.1% of the pixels."""
    some, none = diagnosis.relations.shown.copy(), diagnosis.relations.present.copy()
    some[4], none[4] = shown, 0
    relations = replace(diagnosis.relations, shown=some, present=none)
    [tiny] = remarks(replace(diagnosis, relations=relations), origin_of("plain")[0])
    assert f"in {shown} of 60 training pictures" in tiny.evidence
    assert "No training picture" not in tiny.remedy and "drop" not in tiny.remedy
    assert "Training pictures show “boat”, but on less than 0.1% of their pixels each." in tiny.remedy
    steps_said = re.findall("--([a-z_.]+) ", tiny.remedy)
    assert steps_said[0] == "sampling.rare_crops" and "loss.class_weights" in steps_said
    assert ("sampling.repeat_threshold" in steps_said) is repeated, "what every picture shows cannot be drawn more"


def test_what_several_classes_would_gain_together_is_not_summed() -> None:
    truth = np.zeros((60, 80), dtype=np.int16)
    truth[:, 30:] = 1
    truth[:, 50:] = 2
    sample = Sample(torch.zeros(3, 60, 80, dtype=torch.uint8), torch.from_numpy(truth), name="one")
    case = Case(0, sample, torch.zeros(60, 80, dtype=torch.int16), torch.full((60, 80), 0.9))
    found = diagnose([case], LabelSpace(("road", "pole", "light")), learn([truth], 3))
    # Nothing is left to be mended after these: the mean IoU becomes 100%.
    together = 1 - found.evaluation.scores.mean_iou
    assert sum(one["gain"] for one in unpredicted_json(found)) < together - 0.01
    [both] = remarks(found, origin_of("plain")[0])
    assert f"To find them would be worth +{100 * together:.2f} points" in both.evidence
