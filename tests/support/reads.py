"""Notes every call for which a program would have to wait for a GPU, while it computes on the CPU."""

import traceback
from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

READS = frozenset(
    {
        "item", "tolist", "__bool__", "__int__", "__float__", "__index__", "__contains__", "cpu", "numpy", "nonzero",
        "argwhere", "masked_select", "bincount", "unique", "unique_consecutive", "equal", "allclose", "is_nonzero",
        "tensor", "as_tensor", "from_numpy", "combinations", "repeat_interleave",
    }
)  # fmt: skip
"""Functions that give numbers of tensors to Python or the other way round, or whose result's size such numbers say."""

COPY = "copy that is waited for"

OPERATORS = frozenset(
    {"_local_scalar_dense", "nonzero", "masked_select", "bincount", "_unique2", "equal", "is_nonzero"}
)
"""The same as torch's own code calls them."""


class Reads:
    """Notes, inside of a `with`, what would make a program wait for a GPU.

    That is: numbers that are read or sent, results whose size depends on numbers, boolean indices, copies that are
    waited for, and numbers beside tensors in `torch.where`, which are copied to the device one by one.

    Args:
        main_memory: Files whose tensors are in main memory on a machine with a GPU, too.

    Attributes:
        found: Each with the line of sceneparse (or else of any package) that called it.
    """

    def __init__(self, main_memory: Collection[str] = ()) -> None:
        self.found: list[str] = []
        self._main_memory = tuple(main_memory)
        self._modes = (_Functions(self._note), _Operators(self._note))

    def _note(self, what: str) -> None:
        frames = [one for one in traceback.extract_stack() if "tests/support/reads" not in one.filename]
        # What torch itself moves is where it should be already.
        if what == COPY and not any(name in frames[-1].filename for name in ("/sceneparse/", "/tests/")):
            return
        own = [one for one in frames if "/src/sceneparse/" in one.filename]
        one = (own or frames)[-1]
        if not one.filename.endswith(self._main_memory):
            self.found.append(f"{what}: {one.filename.rpartition('/sceneparse/')[2]}:{one.lineno} {one.line}")

    def __enter__(self) -> "Reads":
        for mode in self._modes:
            mode.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        for mode in reversed(self._modes):
            mode.__exit__(*error)


class _Functions(TorchFunctionMode):
    def __init__(self, note: Callable[[str], None]) -> None:
        super().__init__()
        self._note = note

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in READS and not (name == "repeat_interleave" and isinstance(args[1] if args[1:] else 0, int)):
            self._note(name)
        elif name in ("__getitem__", "__setitem__") and _boolean(args[1]):
            self._note("boolean index")
        elif name == "where" and any(isinstance(one, int | float) for one in args[1:]):
            self._note("where with a number")
        elif name in ("to", "copy_") and _moves(args[1:], kwargs) and not kwargs.get("non_blocking"):
            self._note(COPY)
        return func(*args, **kwargs)


class _Operators(TorchDispatchMode):
    def __init__(self, note: Callable[[str], None]) -> None:
        super().__init__()
        self._note = note

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in OPERATORS or (name.startswith("index") and any(_boolean(one) for one in args[1:2])):
            self._note(f"aten::{name}")
        return func(*args, **(kwargs or {}))


def _boolean(index: Any) -> bool:
    if isinstance(index, list | tuple):
        return any(_boolean(one) for one in index)
    return isinstance(index, Tensor) and index.dtype in (torch.bool, torch.uint8)


def _moves(args: Any, kwargs: Any) -> bool:
    """Whether a call of `to` names a device."""
    given = [*args, kwargs.get("device")]
    return any(isinstance(one, str | torch.device) for one in given)
