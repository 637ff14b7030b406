import pytest

from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace
from sceneparse.labels.agreement import refuse_other_classes


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("sky", "road", "tree", "Cars"), "; the data lack car; the model lacks Cars: give"),
        (("sky", "road", "tree"), r"3 \(sky, road, tree\); the data lack car: give"),
        (("sky", "road", "tree", "car", "pole"), "; the model lacks pole: give"),
        (("sky", "tree", "road", "car"), "; in another order, first 'road' and 'tree': give"),
    ],
)
def test_classes_that_differ_are_named_however_late_they_come(given: tuple[str, ...], said: str) -> None:
    known = LabelSpace(("sky", "road", "tree", "car"))
    refuse_other_classes("mine", known, known)
    with pytest.raises(UserError, match=said):
        refuse_other_classes("mine", known, LabelSpace(given))
