"""Names the component in the errors of plugins' code.

What a component raises on purpose, a BioclipXError, is a message to the user and passes. Anything else becomes a
ComponentError of one line: which component of which plugin failed, in which method, at which image or class. The exception
itself is its cause. A returned value of another type or form than the protocol of the kind says is a PluginError (`refuse`). What
a component prints goes to standard error (see `bioclip_x.prints`).

    with naming(head, "decide"):
        scores = head.decide(head_input)
"""

from __future__ import annotations

import inspect
import logging
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from typing import Final, NoReturn, ParamSpec, TypeVar

from bioclip_x.errors import BioclipXError, ComponentError, PluginError
from bioclip_x.prints import diverted

P = ParamSpec("P")
T = TypeVar("T")

LONGEST = 80
"""Maximum number of characters of a value in a message."""

AT_HAND: Final = "_bioclip_x_at_hand"
"""Attribute of an exception: see `at_hand`."""
_SUSPENDS: Final = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_CANCELLED: Final = ("CancelledError", "Cancelled")
"""Exceptions of asyncio and trio, which are not imported here."""

_names: dict[int, str] = {}
_names_of_classes: weakref.WeakKeyDictionary[type, str] = weakref.WeakKeyDictionary()
_log = logging.getLogger("bioclip_x")


def remember(component: object, name: str) -> None:
    """Stores how errors name a component: "the head 'hedge' of plugin 'builtin' (bioclip-x 0.1.0)"."""
    try:
        forget = weakref.finalize(component, _names.pop, id(component), None)
    except TypeError:  # a class with slots; then the last of its components gives the name
        _names_of_classes[type(component)] = name
        return
    forget.atexit = False
    _names[id(component)] = name


def remember_part(part: object, component: object) -> None:
    """Stores that errors name what a component returned, such as a loaded model, as the component itself."""
    remember(part, describe(component))


def describe(component: object) -> str:
    """Returns the name of a component for errors; its class, if it was not made by a registry."""
    kind = type(component)
    known = _names.get(id(component)) or _names_of_classes.get(kind)
    return known or f"the component {kind.__module__}.{kind.__qualname__}"


def is_remembered(component: object) -> bool:
    """Whether a component was made by a registry, or is a part of one that was."""
    return id(component) in _names or type(component) in _names_of_classes


@contextmanager
def naming(component: object, method: str, at: str = "", *, writes: bool = False) -> Iterator[None]:
    """Raises ComponentError for any failure of the block, which calls `method` of a component.

    at: the image or class. writes: whether it may write to standard output, such as a report.
    """
    with naming_by(describe(component), method, at, writes=writes):
        yield


@contextmanager
def naming_by(
    name: str, method: str, at: str = "", *, writes: bool = False, passing: tuple[type[BaseException], ...] = ()
) -> Iterator[None]:
    """As `naming`, for what has no component yet, or is a hook. name: as in `remember`. passing: further exceptions that pass.

    A lack of memory passes, and where output is written a closed pipe: they are no fault of the component. So do Ctrl-C and the
    cancellation of a task, but not `sys.exit`, which would end the program as if it had succeeded (`is_failure`).
    """
    try:
        with diverted(not writes):
            yield
    except (BioclipXError, MemoryError):
        raise
    except BaseException as problem:
        if not is_failure(problem) or isinstance(problem, passing) or (writes and isinstance(problem, BrokenPipeError)):
            raise
        if type(problem).__name__ == "OutOfMemoryError":  # torch's, which is not imported here
            raise
        where = f" at {at}" if at else ""
        raise ComponentError(f"{name} failed in {method}{where}: {summarise(problem)}") from problem


@contextmanager
def at_hand(what: str) -> Iterator[None]:
    """Notes on an unforeseen exception of the block what was worked on, such as an image or a file; the innermost counts."""
    try:
        yield
    except Exception as problem:
        if not isinstance(problem, BioclipXError) and not get_at_hand(problem):
            with suppress(AttributeError):  # a class with slots
                setattr(problem, AT_HAND, what)
        raise


def get_at_hand(problem: BaseException) -> str:
    """Returns what was worked on when an exception was raised, as `at_hand` noted; "" if it did not."""
    what: str = getattr(problem, AT_HAND, "")
    return what


def is_failure(problem: BaseException) -> bool:
    """Whether code has failed by itself: not by Ctrl-C, nor because its task was cancelled or its generator closed."""
    if isinstance(problem, GeneratorExit):
        trace = problem.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        return trace is not None and not trace.tb_frame.f_code.co_flags & _SUSPENDS
    return not isinstance(problem, KeyboardInterrupt) and type(problem).__name__ not in _CANCELLED


def refuse(component: object, method: str, expected: str, returned: object, at: str = "") -> NoReturn:
    """Raises PluginError: `method` of a component returned something else than expected. at: as for `naming`.

    It is no ComponentError, by which a run leaves out an image: the component would return the same for the others.
    """
    where = f" at {at}" if at else ""
    raise PluginError(
        f"{describe(component)} returned {abbreviate(returned)} from {method}{where}; expected {expected}"
    )


def guarded(component: object, method: str, function: Callable[P, T]) -> Callable[P, T]:
    """Returns a component's bound method whose failures are ComponentErrors."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        with naming(component, method):
            return function(*args, **kwargs)

    return call


def summarise(problem: BaseException) -> str:
    """Summarises an exception in one line.

    >>> summarise(KeyError("genus")), summarise(SystemExit(0))
    ("KeyError: 'genus'", 'it called sys.exit(0)')
    """
    if isinstance(problem, SystemExit):
        return f"it called sys.exit({'' if problem.code is None else repr(problem.code)})"
    members = getattr(problem, "exceptions", ())
    if members and isinstance(members, tuple):  # a group
        more = f" (and {len(members) - 1} more)" if len(members) > 1 else ""
        return summarise(members[0]) + more
    text = ""
    with suppress(Exception):  # a plugin's exception may fail to format itself
        text = next((line.strip() for line in str(problem).splitlines() if line.strip()), "")[:1000]
    return f"{type(problem).__name__}: {text}" if text else type(problem).__name__


def abbreviate(value: object) -> str:
    """Describes a value in one line: its type, the shape of an array, and the beginning of its repr.

    >>> abbreviate("some text"), abbreviate(None), abbreviate([1.0])
    ("the str 'some text'", 'None', 'the list [1.0]')
    """
    shape = getattr(value, "shape", None)
    if value is None or isinstance(value, type):
        return repr(value)
    if isinstance(shape, tuple):
        return f"a {type(value).__name__} of {getattr(value, 'dtype', 'no dtype')} and shape {tuple(shape)}"
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a plugin's class may fail to format itself
        return f"a {type(value).__name__}"
    return f"the {type(value).__name__} {text[:LONGEST]}{'…' if len(text) > LONGEST else ''}"


def log_row(problem: BaseException) -> None:
    """Logs the traceback of a failure that becomes a row's error; the command line shows it with --debug."""
    _log.debug("%s", problem, exc_info=problem)
