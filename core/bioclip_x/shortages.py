"""Tells when an exception means that the machine, or a limit set on it (`ulimit`), has too little of something.

That is no fault of the program. Libraries say it in many ways: an errno, MemoryError, RuntimeError, or an ImportError for a
library that cannot be mapped into memory.
"""

from __future__ import annotations

import errno
import mmap
from collections.abc import Iterator, Mapping
from typing import Final, Literal

LEAST_MEMORY: Final = 256 << 20
"""Bytes of address space, of which the libraries need more to be imported at all."""
Memory = Literal["device", "cpu", ""]

OUT_OF_MEMORY: Final = "out of memory"
_ON_DEVICE: Final = ("out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
_ON_CPU: Final = ("DefaultCPUAllocator", "not enough memory", "std::bad_alloc", "annot allocate memory")
_AT_IMPORT: Final = ("failed to map segment", "annot allocate memory")
_NO_THREAD: Final = ("can't start new thread", "Resource temporarily unavailable")
_ADVICE: Final[Mapping[int, str]] = {
    errno.ENOMEM: OUT_OF_MEMORY,
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file would be larger than allowed here (ulimit -f, or the file system)",
    errno.EMFILE: "too many files are open; raise the limit (ulimit -n), or give fewer --workers",
    errno.ENFILE: "too many files are open on this machine",
    errno.EAGAIN: "no more processes or threads can be started; raise the limit (ulimit -u), or give fewer --workers",
}


def find_memory_shortage(problem: BaseException) -> Memory:
    """Returns which memory an exception says is exhausted; "" for any other exception."""
    if isinstance(problem, MemoryError):
        return "cpu"
    text = _read_text(problem)
    if isinstance(problem, OSError):
        return "cpu" if problem.errno == errno.ENOMEM or any(sign in text for sign in _AT_IMPORT) else ""
    if isinstance(problem, ImportError):
        return "cpu" if any(sign in text for sign in _AT_IMPORT) else ""
    if not isinstance(problem, RuntimeError):
        return ""
    if any(sign in text for sign in _ON_CPU):
        return "cpu"
    is_named = any(kind.__name__ == "OutOfMemoryError" for kind in type(problem).__mro__)
    return "device" if is_named or any(sign in text for sign in _ON_DEVICE) else ""


def describe_shortage(problem: BaseException) -> str:
    """Says what an exception, or one that caused it, found too little of, with the file; "" for any other exception.

    >>> describe_shortage(OSError(28, "No space left on device", "names.csv"))
    'names.csv: the disk is full'
    """
    for one in _iterate_causes(problem):
        # Where no memory can be had, not even for an exception, Python raises SystemError.
        if find_memory_shortage(one) or (isinstance(one, SystemError) and not has_least_memory()):
            return OUT_OF_MEMORY
        if isinstance(one, OSError) and one.errno is not None and one.errno in _ADVICE:
            return f"{one.filename}: {_ADVICE[one.errno]}" if one.filename is not None else _ADVICE[one.errno]
        if isinstance(one, RuntimeError) and any(sign in _read_text(one) for sign in _NO_THREAD):
            return _ADVICE[errno.EAGAIN]
        if type(one).__name__ == "SafetensorError" and "os error 28" in _read_text(one):  # it has no errno
            return _ADVICE[errno.ENOSPC]
    return ""


def has_least_memory() -> bool:
    """Whether the memory can be had that libraries need to start; OpenBLAS ends the process where it has too little."""
    try:
        mmap.mmap(-1, LEAST_MEMORY).close()
    except (OSError, MemoryError):
        return False
    return True


def _read_text(problem: BaseException) -> str:
    """Returns an exception's text; "" where it fails to format itself, as a plugin's may."""
    try:
        return str(problem)
    except Exception:
        return ""


def _iterate_causes(problem: BaseException | None) -> Iterator[BaseException]:
    """Yields an exception, those that it is raised from, and those of a group."""
    seen: set[int] = set()
    waiting = [problem]
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, *getattr(one, "exceptions", ())]
