"""Answers to requests that fail: problem details (RFC 9457) in clear words, with no path and no trace."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.responses import Response

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """A request that cannot be answered, with the status and text of the answer.

    Args:
        status: The HTTP status.
        code: The kind of problem, for programs.
        detail: What is wrong and what to do, for people.
        retry_after: Seconds after which it is worth trying again.
        headers: What else the answer's head shall say.
        fits: The height and width at which a picture that is too large would be taken.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
        fits: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.fits = status, code, detail, fits
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)

    def body(self) -> bytes:
        """Return the problem as JSON; its type is `about:blank`, so its title is the status's."""
        title = HTTPStatus(self.status).phrase
        problem: dict[str, Any] = {"title": title, "status": self.status, "code": self.code, "detail": self.detail}
        if self.fits is not None:
            problem["fits"] = {"width": self.fits[1], "height": self.fits[0]}
        return json.dumps(problem, ensure_ascii=False).encode()

    def response(self) -> Response:
        """Return the answer to the request."""
        return Response(self.body(), self.status, self.headers, MEDIA_TYPE)


def advice_on(fits: tuple[int, int]) -> str:
    """Return the sentence that advises a picture's height and width."""
    return f"Made smaller, to {fits[1]:,} × {fits[0]:,} pixels, it is taken."


def fault() -> Problem:
    """Return the problem for a failure that is not the client's fault."""
    return Problem(500, "fault", "The service failed at this request. That is its fault; the log says more.")


def device_failed() -> Problem:
    """Return the problem for a device that can compute no more."""
    return Problem(503, "device-failed", "The service's device has failed: the service ends and must be started anew.")


def no_memory() -> Problem:
    """Return the problem for a picture that the service has too little memory for."""
    return Problem(
        413, "too-many-pixels", "The service has too little memory for a picture of this size. Make it smaller."
    )
