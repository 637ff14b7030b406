"""The command of the HTTP service: serve."""

import argparse
from dataclasses import fields, replace
from typing import Any

from sceneparse.cli.beforehand import (
    announce_conversions,
    loading,
    refuse_missing_model,
    refuse_unfit,
    refuse_wrong_protocol,
)
from sceneparse.cli.command import Command, changed_protocol, engine_arguments, protocol_arguments
from sceneparse.cli.predict_arguments import given_ranges, range_argument
from sceneparse.cli.predicting import tasks_argument
from sceneparse.paths import expanded


def _serve_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "models",
        metavar="MODEL",
        nargs="+",
        help="model folders, run folders or checkpoints of trainings, published checkpoints' names, hub ids or "
        "exported files, each with a name if wanted (day=runs/day)",
    )
    group = parser.add_argument_group("where, and who may ask")
    group.add_argument("--host", help="the address to listen on (default: 127.0.0.1, this machine alone)")
    group.add_argument("--port", type=int, help="default: 8000; 0: any that is free")
    group.add_argument(
        "--api-keys", type=expanded, metavar="FILE", help="a file of keys, one a line; a client must show one"
    )
    group.add_argument(
        "--cors",
        dest="cors_origins",
        nargs="+",
        metavar="ORIGIN",
        help="other web pages that may ask: https://example.org",
    )
    group.add_argument(
        "--allow-host",
        dest="hosts",
        nargs="+",
        metavar="NAME",
        help="names under which it may be asked (default: the loopback's if it listens there, else any)",
    )
    group = parser.add_argument_group("limits")
    group.add_argument("--formats", nargs="+", metavar="F", help="kinds of picture (default: JPEG PNG WEBP)")
    group.add_argument("--max-bytes", type=int, metavar="N", help="of a picture's file (default: 33554432)")
    group.add_argument("--max-pixels", type=int, metavar="N", help="of a picture (default: 67108864)")
    group.add_argument(
        "--max-tested",
        type=int,
        metavar="N",
        help="pixels that go through the network at a time (default: 8388608)",
    )
    group.add_argument(
        "--crf-bytes", type=int, metavar="N", help="memory that --crf may take for a picture (default: 4294967296)"
    )
    group.add_argument("--max-side", type=int, metavar="N", help="of a picture in pixels (default: 8192)")
    group.add_argument(
        "--receiving-bytes", type=int, metavar="N", help="of all pictures that are being sent (default: 268435456)"
    )
    group.add_argument("--queue", type=int, metavar="N", help="pictures in work; further ones get 503 (default: 32)")
    group.add_argument("--time-limit", type=float, metavar="S", help="seconds for each picture (default: 60)")
    group.add_argument("--body-seconds", type=float, metavar="S", help="for a picture to come (default: 30)")
    group.add_argument("--header-seconds", type=float, metavar="S", help="for a request's head to come (default: 10)")
    group.add_argument("--connections", type=int, metavar="N", help="at a time (default: 256)")
    group = parser.add_argument_group("running")
    group.add_argument(
        "--batch", type=int, metavar="N", help="pictures parsed at once (default: 8 on a GPU, 1 on a CPU)"
    )
    group.add_argument(
        "--batch-wait", type=float, metavar="S", help="seconds that a picture waits for others (default: 0.005)"
    )
    group.add_argument("--stop-seconds", type=float, metavar="S", help="to finish after a signal to stop (default: 60)")
    group.add_argument("--log", type=expanded, metavar="FILE", help="add a line of JSON for each request")
    range_argument(group)
    tasks_argument(parser)
    protocol_arguments(parser)
    engine_arguments(parser)


def _serve(arguments: argparse.Namespace) -> int:
    from sceneparse.errors import UserError
    from sceneparse.serving.listening import refuse_unusable
    from sceneparse.serving.names import names_of
    from sceneparse.serving.settings import ServeSettings, model_of, read_keys

    given: dict[str, Any] = {
        field.name: tuple(value) if isinstance(value, list) else value
        for field in fields(ServeSettings)
        if (value := getattr(arguments, field.name, None)) is not None and field.name != "api_keys"
    }
    settings, ranges = ServeSettings(**given), given_ranges(arguments)
    if arguments.api_keys:
        settings = replace(settings, api_keys=read_keys(arguments.api_keys))
    refuse_wrong_protocol(arguments)
    named = [model_of(source) for source in arguments.models]
    models = [model for _, model in named]
    for model in models:
        refuse_missing_model(model)
        refuse_unfit(model, arguments)
    names_of(named)  # refuses two of one name
    refuse_unusable(settings)
    announce_conversions(models, arguments)
    try:
        with loading():
            from sceneparse.serving import load_models, serve
    except ModuleNotFoundError as error:
        raise UserError(
            f"{(error.name or '').partition('.')[0]} is not installed; do: pip install 'sceneparse[serve]'"
        ) from None
    parsers = load_models(
        arguments.models,
        engine=arguments.engine,
        device=arguments.device,
        precision=arguments.precision,
        protocol=lambda own: changed_protocol(own, arguments),
        tasks=arguments.tasks,
    )
    if ranges:
        parsers = {name: parser.with_ranges(ranges) for name, parser in parsers.items()}
    serve(parsers, settings)
    return 0


SERVE = Command(
    "a web page and an HTTP API around one or more models",
    "sceneparse serve runs/my-recipe/model --port 8000",
    _serve_arguments,
    _serve,
)
