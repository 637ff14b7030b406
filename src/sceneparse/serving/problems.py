"""Problem details (RFC 9457) for a request without an answer: in clear words, without paths or traces."""

import json
from collections.abc import Mapping
from http import HTTPStatus

from fastapi.responses import Response

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """A request that cannot be answered.

    Args:
        status: The HTTP status.
        code: The kind of problem, for programs.
        detail: What is wrong and what to do, for people.
        retry_after: Seconds after which it is worth trying again.
        headers: What else the answer's head shall say.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)

    def body(self) -> bytes:
        """Return the problem as JSON. Its type is `about:blank`, so the title is the status's."""
        title = HTTPStatus(self.status).phrase
        problem = {"title": title, "status": self.status, "code": self.code, "detail": self.detail}
        return json.dumps(problem, ensure_ascii=False).encode()

    def response(self) -> Response:
        """The answer."""
        return Response(self.body(), self.status, self.headers, MEDIA_TYPE)


def fault() -> Problem:
    """Something broke that is not the client's doing."""
    return Problem(500, "fault", "The service failed at this request. That is its fault; the log says more.")
