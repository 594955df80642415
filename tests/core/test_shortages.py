"""What an exception says that the machine has too little of."""

from __future__ import annotations

import errno

import pytest

from bioclip_x.errors import PluginError
from bioclip_x.shortages import OUT_OF_MEMORY, describe_shortage, has_least_memory


class SafetensorError(Exception):
    """As safetensors raises on a full disk."""


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (MemoryError(), OUT_OF_MEMORY),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), OUT_OF_MEMORY),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), OUT_OF_MEMORY),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), OUT_OF_MEMORY),
        (OSError(errno.ENOSPC, "No space left on device", "a.csv"), "a.csv: the disk is full"),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (OSError(errno.EMFILE, "Too many open files", "a.png"), "a.png: too many files are open; raise the limit (ulimit -n)"),
        (RuntimeError("can't start new thread"), "no more processes or threads can be started"),
        (SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"), "the disk is full"),
        (OSError(errno.ENOENT, "No such file"), ""),
        (ImportError("No module named 'x'"), ""),
        (SystemError("error return without exception set"), ""),
        (KeyError("memory"), ""),
    ],
)  # fmt: skip
def test_an_exception_is_told_as_a_shortage(problem: BaseException, told: str) -> None:
    found = describe_shortage(problem)
    assert found.startswith(told) and bool(found) == bool(told)


def test_the_cause_counts() -> None:
    try:
        try:
            raise MemoryError
        except MemoryError as cause:
            raise PluginError("the head 'mine' cannot be imported") from cause
    except PluginError as problem:
        assert describe_shortage(problem) == OUT_OF_MEMORY


def test_there_is_memory_to_run_tests() -> None:
    assert has_least_memory()
