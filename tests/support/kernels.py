"""Run kernels: on a GPU, or on the CPU in Triton's interpreter.

Triton decides whether a kernel is compiled or interpreted when its module is imported, and the interpreter changes the
language's functions for good. So it has a process of its own.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

Run = Callable[..., Any]
"""Calls a function of a module with arguments, where kernels can be used, and returns its result on the CPU."""


@contextmanager
def interpreter() -> Iterator[Run]:
    """Give what runs functions in a process that interprets kernels."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=_interpret) as process:
        yield lambda function, *arguments: process.submit(function, *arguments).result()


def _interpret() -> None:
    os.environ["TRITON_INTERPRET"] = "1"
    torch.set_num_threads(1)
    from triton.runtime.interpreter import InterpretedFunction

    every = InterpretedFunction.__call__

    def call(self: Any, *arguments: Any, **named: Any) -> Any:
        # A kernel's launch has already put the interpreter's functions in the place of the language's, in our modules.
        # That each function that it calls does so again takes half of the time.
        own = self.fn.__module__.startswith("sceneparse.")
        return self.rewrite()(*arguments, **named) if own else every(self, *arguments, **named)

    InterpretedFunction.__call__ = call


def on_gpu(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run a function with its tensors on a GPU."""
    return _moved(function(*(_moved(argument, "cuda") for argument in arguments)), "cpu")


def _moved(value: Any, device: str) -> Any:
    if isinstance(value, Tensor):
        # Also one that isn't dense keeps its strides.
        return value.detach().to(device).requires_grad_(value.requires_grad)
    if isinstance(value, tuple | list):
        return type(value)(_moved(one, device) for one in value)
    return value
