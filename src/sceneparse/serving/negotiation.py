"""Choose the form of an answer by the client's Accept header (RFC 9110, 12.5.1)."""

from collections.abc import Collection
from dataclasses import dataclass

from sceneparse.serving.problems import Problem
from sceneparse.tasks import MAPS, Task

JSON = "application/json"
CONFIDENCE = "confidence"
KINDS = {
    JSON: ("", CONFIDENCE),
    "image/png": (
        "labels",
        "overlay",
        "panels",
        CONFIDENCE,
        *(task.plural for task in MAPS if task is not Task.OBJECT),
    ),
    "image/jpeg": ("overlay", "panels"),
}
"""What answers hold, by media type; the first is what is meant without `;kind=`."""
OFFERED = tuple(KINDS)


@dataclass(frozen=True)
class Answer:
    """The form of an answer: JSON, or a kind of picture.

    Args:
        media_type: application/json, image/png or image/jpeg.
        kind: What a picture shows, or what JSON holds beside the masks; empty for plain JSON.
    """

    media_type: str
    kind: str = ""

    @property
    def content_type(self) -> str:
        """The answer's Content-Type header."""
        return f"{self.media_type};kind={self.kind}" if self.kind else self.media_type


def negotiated(accept: str | None, known: Collection[str]) -> Answer:
    """Choose the form of answer that the client prefers, among those that the model can give.

    Args:
        accept: The header; None where there is none, which means JSON.
        known: The kinds of answer that the model can give.

    Raises:
        Problem: 406, none of what is accepted is there.
    """
    best: tuple[float, int] | None = None
    answer = Answer(JSON)
    missing = False
    ranges = [_range(entry) for entry in (accept or "*/*").split(",")]
    # What is refused by its own name is not meant by a wider range.
    refused = {media for media, values in ranges if _quality(values) == 0 and "kind" not in values}
    for media, values in ranges:
        for offered in _matching(media, refused):
            kinds = KINDS.get(offered, ("",))
            kind = values.get("kind", kinds[0]) if media == offered else kinds[0]
            if kind not in kinds or (kind and kind not in known):
                missing = True
                continue
            rank = (_quality(values), _specific(media, values))
            if rank[0] > 0 and (best is None or rank > best):
                best, answer = rank, Answer(offered, kind)
    if best is None:
        wrong = "There is no such kind of answer here. " if missing else ""
        raise Problem(
            406, "not-acceptable", f"{wrong}This model answers with {', '.join(offers(known))}: name one in Accept."
        )
    return answer


def offers(known: Collection[str]) -> list[str]:
    """Return every Accept header that asks for an answer of its own.

    Args:
        known: As above.
    """
    kinds = [(media, kind) for media, kinds in KINDS.items() for kind in kinds if not kind or kind in known]
    return [Answer(media, kind).content_type for media, kind in kinds]


def _range(entry: str) -> tuple[str, dict[str, str]]:
    """Split a media range into its type and its parameters."""
    media, *parameters = (piece.strip() for piece in entry.split(";"))
    pairs = (parameter.partition("=") for parameter in parameters)
    return media.lower(), {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def _matching(media: str, refused: set[str]) -> tuple[str, ...]:
    """Return the offered type that a media range means: of several, the preferred one that is not refused."""
    if media in OFFERED:
        return (media,)
    if not media.endswith("/*"):
        return ()
    start = "" if media == "*/*" else media[:-1]
    narrower = refused if start else {*refused, *(one for one in OFFERED if f"{one.partition('/')[0]}/*" in refused)}
    return tuple(one for one in OFFERED if one.startswith(start) and one not in narrower)[:1]


def _quality(values: dict[str, str]) -> float:
    """Return a range's quality, 0..1; 0 refuses it."""
    try:
        quality = float(values.get("q", "1"))
    except ValueError:
        return 0.0
    return min(quality, 1.0) if quality > 0 else 0.0  # no number is not above 0


def _specific(media: str, values: dict[str, str]) -> int:
    """Return how specific a media range is, to rank two of the same quality."""
    return 0 if media == "*/*" else 1 if media.endswith("/*") else 3 if "kind" in values else 2
