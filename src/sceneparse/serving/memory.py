"""What the pictures that a service takes need of memory, said when it starts."""

from collections.abc import Iterator, Mapping
from functools import partial

from torch import Tensor

from sceneparse.inference.foreseen_memory import LESS, memory_of
from sceneparse.inference.tasks import task_engine
from sceneparse.parsing import Parser
from sceneparse.serving.pace import Paces
from sceneparse.tasks import Task


def memory_warnings(parsers: Mapping[str, Parser], paces: Paces) -> Iterator[str]:
    """Yield a line for each model whose largest pictures take more memory than is free, or much.

    Args:
        parsers: The models by name.
        paces: What is known of their pictures; they are measured.
    """
    for name, parser in parsers.items():
        if (foreseen := memory_of(parser.engine)) is None:
            continue
        pixels, channels = paces.most_at_once(name), parser.config.backbone.in_channels
        if text := foreseen.warning(pixels, channels, partial(_scored, parser)):
            yield (
                f"model {name}: {pixels:,} pixels of a picture, which it may parse at once, {text}: --size or a lower "
                f"--max-tested {LESS}"
            )


def _scored(parser: Parser, pictures: Tensor) -> object:
    """What the model computes of pictures."""
    if not parser.other_tasks:
        return parser.engine(pictures)
    return task_engine(parser.engine).heads(pictures, [Task.OBJECT, *parser.other_tasks])
