"""The service as an ASGI application: its routes, and the path of a picture from request to answer."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect

from sceneparse.datasets.kinds import KINDS
from sceneparse.errors import UserError
from sceneparse.inference.program import TooSmallError
from sceneparse.parsing import Parser
from sceneparse.parsing.batches import MOST, on_gpu
from sceneparse.pictures.rasters.raster import installed
from sceneparse.serving.answers import SHOWING, encoded, known_kinds
from sceneparse.serving.batcher import Batcher
from sceneparse.serving.body import Receiver, picture_bytes
from sceneparse.serving.guard import Guard, RequestLog
from sceneparse.serving.metrics import CONTENT_TYPE_LATEST, Metrics
from sceneparse.serving.models import described
from sceneparse.serving.negotiation import Answer, negotiated
from sceneparse.serving.pace import Paces
from sceneparse.serving.picture import Received, decoded, inspected
from sceneparse.serving.problems import Problem
from sceneparse.serving.schema import ModelsAnswer, Status, parse_request, parse_responses, problem_responses
from sceneparse.serving.sending import Sender
from sceneparse.serving.settings import ServeSettings
from sceneparse.serving.static import EXAMPLE, StaticFile, example, static_files
from sceneparse.version import __version__

T = TypeVar("T")
HASH = "X-Request-SHA256"


def make_app(parsers: Mapping[str, Parser], settings: ServeSettings) -> FastAPI:
    """Make the application that serves some models.

    Args:
        parsers: The models by name; the first answers unless another is asked for.
        settings: How the service behaves. Host and port, and limits of connections, are the server's.

    Returns:
        The application; its `state.batcher` is the `Batcher`.

    Raises:
        UserError: No model, the log cannot be written, or rasterio is missing where pictures may be rasters.
    """
    if not parsers:
        raise UserError("no model to serve")
    if "TIFF" in settings.formats and any(KINDS[one.config.data.kind].rasters for one in parsers.values()):
        installed()  # a word now, rather than a fault at every such picture
    log = None if settings.log is None else RequestLog(settings.log)
    receiver = Receiver(settings)
    sender = Sender()
    metrics = Metrics(lambda: batcher.waiting, lambda: receiver.bytes, lambda: sender.bytes)
    paces = Paces(parsers, settings)
    batcher = Batcher(
        parsers,
        batch=settings.batch or (MOST if all(map(on_gpu, parsers.values())) else 1),
        wait=settings.batch_wait,
        queue=settings.queue,
        seconds=settings.time_limit,
        metrics=metrics,
        paces=paces,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        batcher.start()
        yield
        batcher.stop()

    app = FastAPI(
        title="sceneparse",
        version=__version__,
        description="Give every pixel of a picture its label.",
        docs_url=None,  # its page would fetch scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.batcher, app.state.paces, app.state.sender = batcher, paces, sender
    _add_handlers(app)
    _add_parse(app, parsers, settings, receiver, batcher, sender, paces)
    _add_state(app, parsers, settings, batcher, metrics, paces)
    for path, file in static_files().items():
        app.add_api_route(path, _static(file), methods=["GET"], include_in_schema=False)
    app.add_api_route(EXAMPLE, _example, methods=["GET"], include_in_schema=False)
    paths = frozenset(route.path for route in app.routes if hasattr(route, "path"))
    app.add_middleware(Guard, settings=settings, metrics=metrics, paths=paths, log=log)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=[HASH, "Retry-After", "Server-Timing"],
        )
    return app


def _add_parse(
    app: FastAPI,
    parsers: Mapping[str, Parser],
    settings: ServeSettings,
    receiver: Receiver,
    batcher: Batcher,
    sender: Sender,
    paces: Paces,
) -> None:
    default = next(iter(parsers))

    @app.post(
        "/v1/parse",
        summary="Parse a picture",
        response_class=Response,
        responses=parse_responses(),
        openapi_extra=parse_request({kind for parser in parsers.values() for kind in known_kinds(parser)}),
    )
    async def parse(
        request: Request,
        model: Annotated[
            str | None, Query(description="which model; default: the first", max_length=100, examples=[default])
        ] = None,
    ) -> Response:
        name = default if model is None else model
        if name not in parsers:
            raise Problem(404, "no-such-model", f"There is no such model here; there are: {', '.join(parsers)}.")
        answer = negotiated(request.headers.get("accept"), known_kinds(parsers[name]))
        sender.refuse()
        body = await receiver.body(request)
        with batcher.queued():
            return await _unless_gone(request, answered(name, body, request, answer))

    async def answered(name: str, body: bytes, request: Request, answer: Answer) -> Response:
        content = await batcher.in_thread(lambda: picture_bytes(body, request.headers, settings))
        digest = await batcher.in_thread(lambda: hashlib.sha256(content).hexdigest())
        try:
            fitting = partial(paces.fitting, name)
            header = await batcher.in_thread(lambda: inspected(content, settings, fitting))
            batcher.refuse(name, header.size)
            shown = answer.kind in SHOWING
            parsed = await batcher.parse(name, lambda parser: decoded(parser, content, header, shown=shown))
        except Problem as problem:
            problem.headers[HASH] = digest
            raise
        except TooSmallError as error:
            text = f"This model's engine cannot take the picture: it takes {error.smallest} pixels a side and more."
            raise Problem(422, "unfit", text, headers={HASH: digest}) from None
        received = Received(content, digest, header.format)
        made = await batcher.in_thread(lambda: encoded(parsed, received, answer))
        headers = {
            HASH: digest,
            "Vary": "Accept",
            "Server-Timing": f"wait;dur={1000 * parsed.waited:.1f}, parse;dur={1000 * parsed.seconds:.1f}",
        }
        return sender.answer(made, headers, answer.content_type)


def _add_state(
    app: FastAPI,
    parsers: Mapping[str, Parser],
    settings: ServeSettings,
    batcher: Batcher,
    metrics: Metrics,
    paces: Paces,
) -> None:
    known = [described(name, parser, number == 0) for number, (name, parser) in enumerate(parsers.items())]
    limits = {
        "formats": list(settings.formats),
        "max_bytes": settings.max_bytes,
        "max_pixels": settings.max_pixels,
        "max_side": settings.max_side,
    }

    @app.get(
        "/v1/models",
        summary="The models, and what is taken",
        response_class=JSONResponse,
        responses={200: {"model": ModelsAnswer}, **problem_responses(401, 403, 421)},
    )
    async def list_models() -> Response:
        # What a model takes in time is known better and better.
        models = [
            {**one, "max_pixels": paces.most(one["name"]), "largest_pixels": paces.largest(one["name"])}
            for one in known
        ]
        return JSONResponse({"models": models, "limits": limits})

    @app.get(
        "/healthz",
        summary="Whether the service lives",
        response_class=JSONResponse,
        responses={200: {"model": Status}, **problem_responses(421)},
    )
    async def health() -> Response:
        return JSONResponse({"status": "ok"})

    @app.get(
        "/readyz",
        summary="Whether the service would parse a picture now",
        response_class=JSONResponse,
        responses={200: {"model": Status}, **problem_responses(421, 503)},
    )
    async def readiness() -> Response:
        if not batcher.ready:
            raise Problem(503, "busy", "The service parses nothing at the moment.", retry_after=5)
        return JSONResponse({"status": "ready"})

    @app.get(
        "/metrics",
        summary="What Prometheus collects",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}, **problem_responses(401, 421)},
    )
    async def collect_metrics() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)


def _add_handlers(app: FastAPI) -> None:
    async def problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return error.response()

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        what = {
            404: ("not-found", "There is nothing at this address. /openapi.json lists what there is."),
            405: ("wrong-method", "This address does not take this method. /openapi.json lists what it takes."),
        }
        code, detail = what.get(error.status_code, ("bad-request", "The service cannot answer this request."))
        return Problem(error.status_code, code, detail, headers=error.headers).response()

    async def wrong_parameter(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        where = ".".join(str(step) for step in error.errors()[0]["loc"])[:80]
        return Problem(422, "bad-parameter", f"The parameter {where} is wrong: {error.errors()[0]['msg']}.").response()

    app.add_exception_handler(Problem, problem)
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, wrong_parameter)


def _static(file: StaticFile) -> Any:
    async def answer(request: Request) -> Response:
        return _unless_known(file, request)

    return answer


async def _example(request: Request) -> Response:
    return _unless_known(await asyncio.to_thread(example), request)


def _unless_known(file: StaticFile, request: Request) -> Response:
    """Return a file, without its content where the client has it already."""
    headers = {"ETag": file.etag, "Cache-Control": "no-cache"}
    known = request.headers.get("if-none-match", "")
    # Compared weakly (RFC 9110, 13.1.2): a proxy that compresses marks what it passes on.
    if known.strip() == "*" or file.etag in (mark.strip().removeprefix("W/") for mark in known.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(file.content, 200, headers, file.media_type)


async def _unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of some work, which is given up when the client disconnects.

    Raises:
        ClientDisconnect: The client has gone.
    """

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    tasks = [asyncio.create_task(work), asyncio.create_task(gone())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[0] not in done:
            raise ClientDisconnect
        return await tasks[0]  # type: ignore[return-value]
    finally:
        for task in tasks:
            task.cancel()
