"""The schemas of the service's JSON, for its OpenAPI description.

Answers are made elsewhere; tests hold them against these.
"""

import json
from collections.abc import Collection
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from sceneparse.serving.body import FIELD
from sceneparse.serving.negotiation import offers
from sceneparse.serving.problems import MEDIA_TYPE, Problem


class Form(BaseModel):
    """An object without further keys."""

    model_config = ConfigDict(extra="forbid")


class Rle(Form):
    """A mask in COCO's uncompressed RLE: lengths of runs of 0 and 1 in turn, beginning with 0, column by column."""

    size: list[int] = Field(description="height and width", examples=[[2, 3]])
    counts: list[int] = Field(examples=[[0, 2, 4]])


class ClassShare(Form):
    """A class that occurs in a picture."""

    name: str
    id: int = Field(description="its value in label maps")
    color: list[int] = Field(description="RGB, 0..255")
    share: float = Field(description="its share of the picture, 0..1")
    confidence: float = Field(description="the mean probability over its pixels, 0..1")
    pixels: int


class Mask(ClassShare):
    """A class that occurs, and where."""

    rle: Rle


class PictureFacts(Form):
    """The picture that was sent."""

    sha256: str = Field(description="of the picture's bytes; also in the header X-Request-SHA256")
    bytes: int
    format: str


class Seconds(Form):
    """The time that the request took, in seconds."""

    waited: float = Field(description="until its turn came, decoding included")
    parsed: float = Field(description="the parse of its batch")


class Size(Form):
    """A size in pixels."""

    width: int
    height: int


class SceneGuess(Form):
    """A kind of scene and its probability."""

    name: str
    probability: float


class ParseAnswer(Form):
    """The parse of a picture."""

    picture: PictureFacts
    width: int
    height: int
    tested: Size = Field(description="the size at which the network saw the picture")
    unturned: int | None = Field(
        None, description="the file's EXIF orientation, where the model takes pixels as they are stored"
    )
    doubt: str | None = Field(None, description="why the answer may be worse than the model's figures")
    classes: list[ClassShare] = Field(description="the objects that occur, the largest share first")
    scene: list[SceneGuess] | None = Field(None, description="of a unified model: the most probable kinds of scene")
    objects: list[dict[str, Any]] | None = Field(
        None, description="of a unified model: the objects, and in each its parts, materials and textures"
    )
    model: str
    protocol: dict[str, Any] = Field(description="how the picture was tested")
    masks: dict[str, list[Mask]] = Field(description="objects; of a unified model also parts, materials and textures")
    confidence: dict[str, str] | None = Field(
        None,
        description="with kind=confidence, for the same: the probability of every pixel's class, as a grey PNG in "
        "base64 (0 is 0, 255 is 1)",
    )
    seconds: Seconds


class ClassName(Form):
    """A class with its id and colour."""

    name: str
    id: int
    color: list[int]


class ModelAnswer(Form):
    """A model that is served."""

    name: str
    default: bool = Field(description="whether it answers when none is named")
    tasks: list[str]
    kinds: list[str] = Field(description="the kinds of answer that it can give")
    classes: dict[str, list[ClassName]]
    engine: str
    protocol: str
    max_pixels: int = Field(
        description="up to so many it can parse every picture of a usual shape (1:1 to 2:1) here, by the time seen"
    )
    largest_pixels: int = Field(
        description="of the largest picture of a usual shape that it can parse here; more than max_pixels where it "
        "parses large pictures at a smaller size"
    )
    sha256: str = Field(description="of its weights, settings and classes")


class Limits(Form):
    """Limits on the pictures that are accepted."""

    formats: list[str]
    max_bytes: int
    max_pixels: int
    max_side: int


class ModelsAnswer(Form):
    """All models, and the limits on pictures."""

    models: list[ModelAnswer]
    limits: Limits


class Status(Form):
    """The state of the service."""

    status: str


class ProblemAnswer(Form):
    """Problem details (RFC 9457)."""

    title: str
    status: int
    code: str = Field(description="the kind of problem, for programs")
    detail: str = Field(description="what is wrong and what to do, for people")
    fits: Size | None = Field(
        None,
        description="of a picture that is too large for the model: the largest size of its shape, as the file stores "
        "it, at which it would be taken",
    )


class ParseRequest(Form):
    """A request with a picture in JSON."""

    image: str = Field(description="the picture's bytes in base64", min_length=1, json_schema_extra={"format": "byte"})


EXAMPLE = {
    "picture": {
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "bytes": 96,
        "format": "PNG",
    },
    "width": 3,
    "height": 2,
    "tested": {"width": 3, "height": 2},
    "classes": [
        {"name": "sky", "id": 2, "color": [97, 158, 194], "share": 0.666667, "confidence": 0.93, "pixels": 4},
        {"name": "road", "id": 0, "color": [128, 64, 128], "share": 0.333333, "confidence": 0.88, "pixels": 2},
    ],
    "model": "streets",
    "protocol": {
        "name": "whole",
        "description": "whole: own size, whole picture, no mirror image, absent classes left out",
    },
    "masks": {
        "objects": [
            {
                "name": "sky",
                "id": 2,
                "color": [97, 158, 194],
                "share": 0.666667,
                "confidence": 0.93,
                "pixels": 4,
                "rle": {"size": [2, 3], "counts": [2, 4]},
            },
            {
                "name": "road",
                "id": 0,
                "color": [128, 64, 128],
                "share": 0.333333,
                "confidence": 0.88,
                "pixels": 2,
                "rle": {"size": [2, 3], "counts": [0, 2, 4]},
            },
        ]
    },
    "seconds": {"waited": 0.004, "parsed": 0.21},
}
"""A picture of 3 × 2 pixels whose left column is road."""

TINY_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
"""A picture of one pixel, in base64."""

_BINARY = {"schema": {"type": "string", "format": "binary"}}

_BODY = {
    "required": True,
    "content": {
        "image/jpeg": _BINARY,
        "image/png": _BINARY,
        "image/webp": _BINARY,
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "properties": {FIELD: {"type": "string", "format": "binary"}},
            }
        },
        "application/json": {
            "schema": ParseRequest.model_json_schema(),
            "example": {FIELD: TINY_PNG},
        },
    },
}


def parse_request(kinds: Collection[str]) -> dict[str, Any]:
    """Return OpenAPI's description of what `POST /v1/parse` takes.

    Args:
        kinds: The kinds of answer that some model gives. OpenAPI leaves the Accept header to the answers' types, whose
            parameters it cannot describe; so the headers stand under x-accept.
    """
    return {"requestBody": _BODY, "x-accept": offers(kinds)}


def parse_responses() -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI's description of every answer that `POST /v1/parse` can give."""
    good = {
        "model": ParseAnswer,
        "description": "The parse, in the form that Accept asks for.",
        "headers": {
            "X-Request-SHA256": {"description": "SHA-256 of the picture's bytes", "schema": {"type": "string"}},
            "Server-Timing": {"description": "milliseconds waited and parsed", "schema": {"type": "string"}},
        },
        "content": {
            "application/json": {"example": EXAMPLE},
            "image/png": {
                **_BINARY,
                "example": "a label map (kind=labels, the default), overlay, panels, confidence, parts, materials or "
                "textures",
            },
            "image/jpeg": {**_BINARY, "example": "an overlay (kind=overlay, the default) or panels"},
        },
    }
    return {200: good, **problem_responses(400, 401, 403, 404, 406, 408, 413, 415, 421, 422, 431, 500, 503, 504)}


_MEANINGS = {
    400: ("no-picture", "The body holds no picture, or its form is broken."),
    401: ("no-key", "An API key is asked for."),
    403: ("other-origin", "Another web page may not ask."),
    404: ("no-such-model", "There is no such model."),
    406: ("not-acceptable", "There is no answer in the accepted forms."),
    408: ("slow-body", "The picture did not come in time."),
    413: ("too-large", "The picture is too large."),
    415: ("not-a-picture", "The body is not a picture in a form that is taken."),
    421: ("unknown-host", "The service does not go by this name."),
    422: ("damaged", "The picture is damaged, or a parameter is wrong."),
    431: ("long-head", "The request's head is too long."),
    500: ("fault", "The service failed."),
    503: ("busy", "The service is busy: try again after Retry-After seconds."),
    504: ("too-slow", "Parsing took longer than the time limit."),
}


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI's descriptions of the problems with these statuses."""
    described: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        code, detail = _MEANINGS[status]
        described[status] = {
            "description": detail,
            "content": {
                MEDIA_TYPE: {
                    "schema": ProblemAnswer.model_json_schema(),
                    "example": json.loads(Problem(status, code, detail).body()),
                }
            },
        }
    return described
