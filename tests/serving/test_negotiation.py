import pytest

from sceneparse.serving.negotiation import negotiated
from sceneparse.serving.problems import Problem

KNOWN = ("labels", "overlay", "panels", "confidence")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("text/html, */*;q=0.1", "application/json"),
        ("image/png", "image/png;kind=labels"),
        ("IMAGE/PNG; kind=overlay", "image/png;kind=overlay"),
        ("image/jpeg", "image/jpeg;kind=overlay"),
        ("image/*", "image/png;kind=labels"),
        ("image/webp, image/jpeg;q=0.5", "image/jpeg;kind=overlay"),
        ("image/png;q=0.4, application/json;q=0.9", "application/json"),
        ("*/*, image/png", "image/png;kind=labels"),
        ("application/json;q=0, image/png", "image/png;kind=labels"),
        ("application/json;q=0, */*", "image/png;kind=labels"),
        ("image/png;q=0, image/*", "image/jpeg;kind=overlay"),
        ("*/*, application/json;q=0, image/*;q=0, image/jpeg;q=0.1", "image/jpeg;kind=overlay"),
        ("image/png;q=nan, */*;q=0.1", "application/json"),
        ("image/png;kind=parts, image/jpeg;q=0.1", "image/jpeg;kind=overlay"),
        ("image/png;q=much, application/json", "application/json"),
        ("application/json;kind=confidence", "application/json;kind=confidence"),
    ],
)
def test_the_form_that_is_wanted_most_is_chosen(accept: str | None, expected: str) -> None:
    assert negotiated(accept, KNOWN).content_type == expected


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "image/webp",
        "image/jpeg;kind=labels",
        "image/png;kind=parts",
        "application/json;kind=labels",
        "a/b/c;;=,",
        "*/*;q=0",
        "*/*, image/*;q=0, application/json;q=0",
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(accept: str) -> None:
    with pytest.raises(Problem, match="image/png;kind=labels") as caught:
        negotiated(accept, KNOWN)
    assert caught.value.status == 406 and "materials" not in caught.value.detail
