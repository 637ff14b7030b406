"""Scores that are not finite are refused, and an engine that is watched is otherwise itself."""

import pytest
import torch

from sceneparse.errors import UserError
from sceneparse.inference.deciding import threshold_of
from sceneparse.inference.finite import finite
from sceneparse.inference.mirroring import mirror_image_of
from tests.support.brightest import BrightestChannel


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_scores_that_are_not_finite_are_refused(value: float) -> None:
    engine = BrightestChannel()
    watched = finite(engine, "model")
    images = torch.full((1, 3, 4, 5), 9.0)
    assert torch.equal(watched(images), engine(images))
    images[0, 2, 3, 4] = value
    with pytest.raises(
        UserError, match=r"the scores of model 'model' are not finite in float32: .*precision='float32'"
    ):
        watched(images)


def test_where_a_read_would_wait_the_verdict_comes_with_the_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sceneparse.inference.finite.reads_are_free", lambda _: False)
    watched = finite(BrightestChannel(), "model")
    good, bad = torch.full((1, 3, 4, 5), 9.0), torch.full((1, 3, 4, 5), torch.nan)
    verdicts = []
    for images in (good, bad, good):  # begun one after the other, and judged later
        watched(images)
        verdicts.append(watched.verdict())
    verdicts[2]()
    verdicts[0]()
    for _ in range(2):  # two pictures of a batch
        with pytest.raises(UserError, match="are not finite"):
            verdicts[1]()
    for images in (good, bad):  # windows of one picture
        watched(images)
    with pytest.raises(UserError, match="are not finite"):
        watched.verdict()()
    watched.verdict()()  # nothing was scored since


def test_a_watched_engine_has_whatever_the_engine_has() -> None:
    engine = BrightestChannel()
    engine.threshold, engine.mirror_image = 0.8, (1, 0, 2)  # type: ignore[attr-defined]
    watched = finite(engine, "model")
    assert threshold_of(watched) == 0.8 and mirror_image_of(watched) == (1, 0, 2)
    assert (watched.num_classes, watched.describe()) == (3, engine.describe())
