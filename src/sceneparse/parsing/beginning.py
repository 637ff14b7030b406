"""From pictures that were read to their parses: begun on a device, and made when the labels are there."""

import math
from functools import partial
from typing import TYPE_CHECKING

from torch import Tensor

from sceneparse.inference.finite import not_finite
from sceneparse.inference.later import Later, then
from sceneparse.inference.scale import doubt_of
from sceneparse.inference.scoring import Prediction, begin_predictions
from sceneparse.inference.tasks import TaskPrediction, begin_tasks
from sceneparse.labels import TaskLabels
from sceneparse.parsing.parse import Parse
from sceneparse.parsing.pixels import visible
from sceneparse.parsing.probabilities import Source
from sceneparse.parsing.task_parse import TaskParse

if TYPE_CHECKING:
    from sceneparse.parsing.parser import Parser


def begin_parses(parser: "Parser", images: Tensor, size: tuple[int, int] | None) -> list[Later[Parse]]:
    """Begin to parse pictures of one size, which the network scores at once where they are tested whole.

    Args:
        parser: The model.
        images: (N, C, H, W) uint8.
        size: Their own height and width, where `images` have fewer rows and columns; None: the images'.

    Returns:
        What gives each picture's parse, in their order. It raises UserError where the scores are not finite.
    """
    tasks = parser.tasks
    if tasks is None:
        found = begin_predictions(parser.engine, images, parser.protocol, size)
        return [then(one, partial(_parse, parser, image)) for image, one in zip(images, found, strict=True)]
    of_tasks = begin_tasks(parser.engine, images, parser.protocol, tasks, size)
    return [then(one, partial(_parse_tasks, parser, tasks, image)) for image, one in zip(images, of_tasks, strict=True)]


def _parse_tasks(parser: "Parser", tasks: TaskLabels, image: Tensor, found: TaskPrediction) -> Parse:
    return _parse(parser, image, found.objects, TaskParse.of(found, tasks))


def _parse(parser: "Parser", image: Tensor, objects: Prediction, task_parse: TaskParse | None = None) -> Parse:
    if not math.isfinite(objects.confidence.sum()):
        raise not_finite(parser.name, parser.engine)
    return Parse(
        pixels=visible(image),
        labels=objects.labels.numpy(),
        confidence=objects.confidence.numpy(),
        space=parser.labels,
        model=parser.name,
        protocol=parser.protocol,
        task_parse=task_parse,
        doubt=doubt_of(parser.protocol, parser.config.sizes, (objects.labels.shape[0], objects.labels.shape[1])),
        source=Source.of(parser.engine, parser.tasks, image),
    )
