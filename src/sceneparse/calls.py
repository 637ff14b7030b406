"""Calls of the public functions: what Python itself would refuse of them is refused by the call that is right."""

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import wraps
from inspect import Parameter, signature
from numbers import Real
from types import FunctionType
from typing import Any, ParamSpec, TypeVar

from sceneparse.arguments import is_path, shown
from sceneparse.errors import UserError, counted

Given = ParamSpec("Given")
Returned = TypeVar("Returned")
Kind = TypeVar("Kind", bound=type)

Elsewhere = Callable[[str, object], str | None]
"""Says of a keyword that a call does not have, and its value, how it is written; None where that isn't known."""


def by_name(
    name: str,
    *,
    listed: str = "",
    meant: Callable[[object], str | None] = lambda _: None,
    elsewhere: Elsewhere = lambda *_: None,
) -> Callable[[Callable[Given, Returned]], Callable[Given, Returned]]:
    """Make a function or a method refuse, by the right call, what Python would refuse by a TypeError.

    That is values without a name that it has no place for, keywords that it doesn't have, and values that are missing.

    Args:
        name: What the function is called in `sceneparse`.
        listed: The argument that takes several in a list; none if empty.
        meant: Returns the keyword that a value is surely meant for; None where that isn't known.
        elsewhere: Says where a keyword belongs that it doesn't have. What a function with free keywords cannot use is
            refused by the function itself, unless this knows where it belongs.
    """

    def checked(function: Callable[Given, Returned]) -> Callable[Given, Returned]:
        every = signature(function).parameters.values()
        places = [one.name for one in every if one.kind is Parameter.POSITIONAL_OR_KEYWORD]
        keywords = [one.name for one in every if one.kind is Parameter.KEYWORD_ONLY]
        needed = [one.name for one in every if one.name in (*places, *keywords) and one.default is Parameter.empty]
        free = any(one.kind is Parameter.VAR_KEYWORD for one in every)
        # What a method is called on is no value of its call.
        own = int(places[:1] == ["self"])
        known = {*places[own:], *keywords}

        @wraps(function)
        def call(*given: Given.args, **named: Given.kwargs) -> Returned:
            if len(given) > len(places):
                raise UserError(_without_place(name, given[own:], places[own:], keywords, listed, meant, free=free))
            for one in (one for one in named if one not in known):
                said = _unknown(name, one, named[one], [*places[own:], *keywords], elsewhere, free=free)
                if said is not None:
                    raise UserError(said)
            if twice := [one for one in places[own : len(given)] if one in named]:
                raise UserError(f"{name} got {twice[0]} twice: without a name, and as {twice[0]}=…")
            if missing := [one for one in needed if one in places[len(given) :] + keywords and one not in named]:
                raise UserError(_missing(name, given[own:], named, places[own:], missing))
            return function(*given, **named)

        return call

    return checked


def methods_by_name(name: str, *, elsewhere: Elsewhere = lambda *_: None) -> Callable[[Kind], Kind]:
    """Make a class and all of its public methods refuse what `by_name` refuses.

    Args:
        name: What messages call an object of it, such as "parser": its methods are called "parser.many".
        elsewhere: As in `by_name`.
    """

    def checked(kind: Kind) -> Kind:
        special = {"__init__": kind.__name__, "__call__": name}
        for attribute, function in list(vars(kind).items()):
            public = attribute in special or not attribute.startswith("_")
            if public and isinstance(function, FunctionType):
                called = special.get(attribute, f"{name}.{attribute}")
                setattr(kind, attribute, by_name(called, elsewhere=elsewhere)(function))
        return kind

    return checked


def _unknown(
    name: str, keyword: str, value: object, known: Sequence[str], elsewhere: Elsewhere, *, free: bool
) -> str | None:
    """What is said of a keyword that a call doesn't have: where it belongs, or which is meant.

    Of one that a function takes freely nothing is said but where it belongs.
    """
    said = f"{name} has no argument '{keyword}'"
    if belongs := elsewhere(keyword, value):
        return f"{said}: {belongs}"
    if free:
        return None
    if near := difflib.get_close_matches(keyword, known, n=1, cutoff=0.7):
        return f"{said}; did you mean {near[0]}={shown(value)}?"
    return f"{said}; it takes {', '.join(known)}"


def _missing(
    name: str, given: Sequence[object], named: Mapping[str, Any], places: Sequence[str], missing: Collection[str]
) -> str:
    """What is said of a call without a value that it needs: the call with it."""
    texts = _texts(given, places) + [f"{key}={shown(value)}" for key, value in named.items()]
    call = ", ".join((*texts, *(f"{one}=…" for one in missing)))
    return f"{name} needs {' and '.join(missing)}: {name}({call})"


def _texts(given: Sequence[object], places: Sequence[str]) -> list[str]:
    """Values as they are written in a call; of what has no few words, such as a parser, the place's name."""
    plain = [isinstance(one, str | list | tuple | Real) or is_path(one) for one in given]
    texts = [repr(str(one)) if is_path(one) else shown(one) for one in given]
    for index, place in enumerate(places[: len(given)]):
        if not plain[index]:
            texts[index] = place
    return texts


def _without_place(
    name: str,
    given: Sequence[object],
    places: Sequence[str],
    keywords: Sequence[str],
    listed: str,
    meant: Callable[[object], str | None],
    *,
    free: bool,
) -> str:
    """What is said of a call with more values than there are places: how it is written."""
    if not (places or keywords or free):
        return f"{name} takes no arguments, but got {len(given)}"
    texts = _texts(given, places)
    takes = f"{name} takes {counted(len(places), 'value')} without a name ({', '.join(places)}), but got {len(given)}"
    if listed:
        begin = places.index(listed)
        end = len(given) - (len(places) - begin - 1)
        if all(map(is_path, given[begin:end])):
            call = ", ".join((*texts[:begin], f"[{', '.join(texts[begin:end])}]", *texts[end:]))
            return f"{takes}: several {listed} stand in a list: {name}({call})"
    guesses = [meant(one) for one in given[len(places) :]]
    if None not in guesses and len(set(guesses)) == len(guesses):
        named = [f"{guess}={text}" for guess, text in zip(guesses, texts[len(places) :], strict=True)]
        return f"{takes}: give the others by name: {name}({', '.join((*texts[: len(places)], *named))})"
    if not (keywords or free):
        return takes
    return f"{takes}: give the others by name" + (f": {', '.join(keywords)}" if keywords else "")
