"""Read the pickle inside a torch file as data: no class is looked up and no function is called.

A pickle is a program for a small machine. This one knows the instructions that `torch.save` writes, and puts plain
descriptions on its stack where the real machine would call what the file names: `TensorRecord` for a tensor, `Storage`
for its numbers, and `Inert` for anything else, whose name is kept to be shown. A file that names what runs programs or
opens files is refused: no training leaves that beside its weights. Time and memory grow with the pickle's length, which
is bounded.
"""

import mmap
import pickletools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, BinaryIO, ClassVar, cast

import torch

from sceneparse.errors import UserError
from sceneparse.weights.importing.hostile import HOSTILE, LEFT
from sceneparse.weights.importing.pickle_instructions import CONSTANTS, DTYPES, IGNORED, PUSHED

MOST_NAMES = 1000
"""Names at most that are kept to be shown."""

LONGEST = 2_000_000
"""Instructions at most. A network of 2,000 tensors with its optimiser's state takes about 200,000."""

NEWER = "torch._utils._rebuild_tensor_v3"
"""What makes tensors of the types that have no kind of storage of their own."""


@dataclass(frozen=True)
class Named:
    """A class or function that a pickle names, without looking it up."""

    name: str


@dataclass(frozen=True)
class Storage:
    """The location of a tensor's numbers: `numel` elements of `dtype` in the record `key`, from element `start` on."""

    key: str
    dtype: torch.dtype
    numel: int
    start: int = 0
    whole: int = 0
    """Elements of the record that this one is a part of."""


@dataclass(frozen=True)
class TensorRecord:
    """A tensor that has not been made yet: its location in a storage, in elements."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(frozen=True)
class Inert:
    """A stand-in for what a call in the file would give, which was not made.

    Args:
        name: The class or function.
        attributes: What the object would be given by name, as far as the file says it: settings of a training.
    """

    name: str = ""
    attributes: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def give(self, items: Iterable[tuple[Any, Any]]) -> None:
        """Keep what has a name."""
        self.attributes.update((key, value) for key, value in items if isinstance(key, str))


@dataclass(frozen=True)
class Pickle:
    """What a pickle holds.

    Args:
        value: Dictionaries, lists, tuples, strings and numbers, with `TensorRecord` where tensors were.
        storages: All storages that it names.
        names: Classes and functions that it names and that weights don't need, in its order.
    """

    value: Any
    storages: tuple[Storage, ...]
    names: tuple[str, ...]


def _tensor(arguments: tuple[Any, ...]) -> TensorRecord | Inert:
    """Return a tensor; of a kind of storage that is not known, what stands for it."""
    storage, offset, size, stride = arguments[:4]
    if isinstance(storage, Inert):
        return storage
    numbers = (offset, *size, *stride)
    whole = all(isinstance(value, int) and not isinstance(value, bool) for value in numbers)
    if not isinstance(storage, Storage) or not whole or len(size) != len(stride) or min(numbers) < 0:
        raise ValueError("a tensor without storage, size or stride")
    return TensorRecord(storage, offset, tuple(size), tuple(stride))


def _newer_tensor(arguments: tuple[Any, ...]) -> Inert:
    """Return what stands for a tensor of a type that came after the others, such as uint16, which no weight has."""
    kind = next((one.name for one in arguments if isinstance(one, Named)), "")
    return Inert(f"{NEWER} of {kind}")


def _mapping(arguments: tuple[Any, ...]) -> dict[Any, Any]:
    return {_key(key): value for key, value in arguments[0]} if arguments else {}


CALLS: dict[str, Callable[[tuple[Any, ...]], Any]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    NEWER: _newer_tensor,
    "torch._utils._rebuild_parameter": lambda arguments: arguments[0],
    "torch._utils._rebuild_parameter_with_state": lambda arguments: arguments[0],
    "torch.Size": lambda arguments: tuple(arguments[0]),
    "collections.OrderedDict": _mapping,
    "collections.defaultdict": lambda _: {},
    "collections.Counter": lambda arguments: dict(arguments[0]) if arguments else {},
}
"""What a torch file of weights calls, and what stands for its result here."""


class UnwantedNameError(UserError):
    """A pickle names something that no file of weights has; nothing of it was run."""


def no_plain_file(name: str) -> str:
    """Return the error line for a file whose weights cannot be had without what it names."""
    return (
        f"it is no plain file of weights: its pickle wants {name[:100]}, and nothing in it was run. If you "
        "trust it, load it with the code that wrote it and save its state_dict alone"
    )


def read_pickle(file: BinaryIO | mmap.mmap) -> Pickle:
    """Read one pickle from where `file` stands, and leave the file right behind it.

    Raises:
        UserError: The pickle wants something that runs programs, or is damaged. Without a file's name.
    """
    machine = _Machine()
    try:
        for count, (code, argument, _) in enumerate(pickletools.genops(cast(BinaryIO, file))):
            if count >= LONGEST:
                raise UserError(f"its pickle has more than {LONGEST:,} instructions; weights need far fewer")
            machine.step(code.name, argument)
        return Pickle(machine.result(), tuple(machine.storages), tuple(machine.names))
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        reason = " ".join(str(error).split())[:150] or type(error).__name__
        raise UserError(f"its pickle is damaged ({reason})") from None


class _Machine:
    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.storages: list[Storage] = []
        self.names: dict[str, None] = {}

    def result(self) -> Any:
        [value] = self.stack
        return value

    def step(self, code: str, argument: Any) -> None:
        if code in PUSHED:
            self.stack.append(CONSTANTS.get(code, argument))
        elif code in self.ACTIONS:
            self.ACTIONS[code](self, argument)
        elif code not in IGNORED:
            raise UserError(f"its pickle has the instruction {code}, which no file of weights needs")

    def _since_mark(self) -> list[Any]:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def _take(self, count: int) -> tuple[Any, ...]:
        if len(self.stack) < count:
            raise ValueError("it takes more than it has")
        items = tuple(self.stack[-count:])
        del self.stack[-count:]
        return items

    def _name(self, argument: str) -> None:
        module, _, name = argument.rpartition(" ")
        self._push_name(f"{module}.{name}")

    def _stack_name(self, _: Any) -> None:
        module, name = self._take(2)
        self._push_name(f"{module}.{name}")

    def _push_name(self, name: str) -> None:
        module, _, last = name.rpartition(".")
        storage = module in ("torch", "torch.cuda", "torch.storage") and last in DTYPES
        dtype = module == "torch" and isinstance(getattr(torch, last, None), torch.dtype)
        if HOSTILE.match(name):
            raise UnwantedNameError(no_plain_file(name))
        if name not in CALLS and name not in LEFT and not storage and not dtype and len(self.names) < MOST_NAMES:
            self.names[name] = None
        self.stack.append(Named(name))

    def _call(self, _: Any) -> None:
        called, arguments = self._take(2)
        if not isinstance(called, Named | Inert) or not isinstance(arguments, tuple):
            raise ValueError("a call of something that is no function")
        known = isinstance(called, Named) and called.name in CALLS
        self.stack.append(CALLS[called.name](arguments) if known else Inert(called.name))

    def _call_with_names(self, _: Any) -> None:
        called, _, _ = self._take(3)
        self.stack.append(Inert(called.name if isinstance(called, Named) else ""))

    def _call_marked(self, argument: Any) -> None:
        items = self._since_mark()
        if isinstance(argument, str):  # INST names what it calls
            self._name(argument)
            called = self._take(1)[0]
        else:
            called, *_ = items
        self.stack.append(Inert(called.name if isinstance(called, Named) else ""))

    def _dictionary(self, _: Any) -> None:
        items = self._since_mark()
        self.stack.append({})
        self._set_items(items)

    def _build(self, _: Any) -> None:
        (state,) = self._take(1)  # of a dictionary, such as a state_dict's versions, or of an inert object
        if not self.stack:
            raise ValueError("a state of nothing")
        target = self.stack[-1]
        for named in state if isinstance(state, tuple) else (state,):  # attributes, and those in slots
            if isinstance(target, Inert) and isinstance(named, dict):
                target.give(named.items())

    def _storage(self, _: Any) -> None:
        (given,) = self._take(1)
        kind, named, key, _, numel, *view = given
        whole = isinstance(numel, int) and numel >= 0 and isinstance(key, str) and len(given) in (5, 6)
        if kind != "storage" or not isinstance(named, Named) or not whole:
            raise ValueError("a storage without a kind, a key or a size")
        dtype = DTYPES.get(named.name.rpartition(".")[2])
        if dtype is None:
            self.stack.append(Inert(named.name))
            return
        storage = Storage(key, dtype, numel, 0, numel)
        if view and view[0] is not None:
            _, start, count = view[0]
            if not 0 <= start <= start + count <= numel:
                raise ValueError("a part of a storage that is larger than the whole")
            storage = Storage(key, dtype, count, start, numel)
        self.storages.append(storage)
        self.stack.append(storage)

    def _set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, Inert):
            target.give(zip(items[::2], items[1::2], strict=False))
            return
        if not isinstance(target, dict) or len(items) % 2:
            raise ValueError("entries of something that is no dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, Inert | Named | tuple):  # of a training's own settings, which nobody needs
                target[_key(key)] = value

    def _extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, Inert):
            return
        if not isinstance(target, list):
            raise ValueError("items of something that is no list")
        target.extend(items)

    def _memoize(self, argument: Any) -> None:
        self.memo[len(self.memo) if argument is None else argument] = self.stack[-1]

    def _drop(self, _: Any) -> None:
        self._take(1)

    def _skip(self, _: Any) -> None:
        self._since_mark()

    def _frozen(self, _: Any) -> None:
        self._since_mark()
        self.stack.append(Inert())

    def _mark(self, _: Any) -> None:
        self.marks.append(len(self.stack))

    ACTIONS: ClassVar[dict[str, Callable[["_Machine", Any], None]]] = {
        "GLOBAL": _name,
        "STACK_GLOBAL": _stack_name,
        "REDUCE": _call,
        "NEWOBJ": _call,
        "NEWOBJ_EX": _call_with_names,
        "OBJ": _call_marked,
        "INST": _call_marked,
        "BUILD": _build,
        "BINPERSID": _storage,
        "MARK": _mark,
        "POP": _drop,
        "EMPTY_DICT": lambda self, _: self.stack.append({}),
        "EMPTY_LIST": lambda self, _: self.stack.append([]),
        "EMPTY_SET": lambda self, _: self.stack.append(Inert()),
        "FROZENSET": _frozen,
        "DICT": _dictionary,
        "LIST": lambda self, _: self.stack.append(self._since_mark()),
        "DUP": lambda self, _: self.stack.append(self.stack[-1]),
        "POP_MARK": _skip,
        "EMPTY_TUPLE": lambda self, _: self.stack.append(()),
        "TUPLE1": lambda self, _: self.stack.append(self._take(1)),
        "TUPLE2": lambda self, _: self.stack.append(self._take(2)),
        "TUPLE3": lambda self, _: self.stack.append(self._take(3)),
        "TUPLE": lambda self, _: self.stack.append(tuple(self._since_mark())),
        "SETITEM": lambda self, _: self._set_items(list(self._take(2))),
        "SETITEMS": lambda self, _: self._set_items(self._since_mark()),
        "APPEND": lambda self, _: self._extend(list(self._take(1))),
        "APPENDS": lambda self, _: self._extend(self._since_mark()),
        "ADDITEMS": _skip,
        "BINPUT": _memoize,
        "LONG_BINPUT": _memoize,
        "PUT": _memoize,
        "MEMOIZE": _memoize,
        "BINGET": lambda self, argument: self.stack.append(self.memo[argument]),
        "LONG_BINGET": lambda self, argument: self.stack.append(self.memo[argument]),
        "GET": lambda self, argument: self.stack.append(self.memo[argument]),
    }


def _key(key: Any) -> str | int | float | bool | None:
    if not isinstance(key, str | int | float | bool | None):
        raise ValueError("a dictionary whose keys are no names")
    return key
