"""Where outputs go: a file that appears only when complete, or standard output."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from bioclip_x.errors import BioclipXError
from bioclip_x.io.files import is_written_in_place, open_replacement


class BinaryStream:
    """Bytes to a file that is open. Raises BioclipXError naming `output` where they cannot be written.

    Without `output` it is standard output: every write is passed on at once, so that a reader at the other end of a pipe
    keeps up. `close` leaves the file open and lets nothing more through; after `discard` writes go nowhere.
    """

    def __init__(self, raw: IO[bytes], output: Path | None = None) -> None:
        self._raw, self._output = raw, output
        self._written = 0
        self._discards = False
        self.closed = False

    def write(self, data: Any) -> int:
        """Bytes, or anything with a buffer of them."""
        if self._discards:
            pass
        elif self.closed:
            raise ValueError("write to a closed stream")
        elif self._output is None:
            self._raw.write(data)
            self._raw.flush()
        else:
            with _named(self._output):
                self._raw.write(data)
        size = memoryview(data).nbytes
        self._written += size
        return size

    def tell(self) -> int:
        return self._written

    def flush(self) -> None:
        """Nothing to do: see the class."""

    def close(self) -> None:
        self.closed = True

    def discard(self) -> None:
        self._discards = True


class Stream:
    """Text to a binary stream. What the encoding lacks, such as the stray bytes of a file name, is written as an escape."""

    def __init__(self, raw: BinaryStream, encoding: str = "utf-8", *, is_stdout: bool = False) -> None:
        self._raw, self.encoding, self._is_stdout = raw, encoding, is_stdout

    def write(self, text: str) -> int:
        self._raw.write(text.encode(self.encoding, "backslashreplace"))
        return len(text)

    def flush(self) -> None:
        """Nothing to do: see `BinaryStream`."""

    def isatty(self) -> bool:
        return self._is_stdout and sys.stdout.isatty()


@contextmanager
def open_output(output: Path | None, encoding: str = "utf-8") -> Iterator[Any]:
    """A text stream to write to. Raises BioclipXError naming a file that cannot be written.

    After an exception inside the block there is no file.
    """
    if output is None and not hasattr(sys.stdout, "buffer"):
        yield sys.stdout
        return
    with open_binary_output(output) as raw:
        yield Stream(raw, encoding, is_stdout=output is None)


@contextmanager
def open_binary_output(output: Path | None) -> Iterator[BinaryStream]:
    """The same for bytes."""
    if output is None:
        sys.stdout.flush()
        stream = BinaryStream(sys.stdout.buffer)
        try:
            yield stream
        finally:
            stream.close()
        return
    if not output.parent.is_dir():
        raise BioclipXError(f"{output} cannot be written: there is no folder {output.parent}")
    stack = ExitStack()
    with _named(output):
        raw = stack.enter_context(open_replacement(output, "wb"))
    stream = BinaryStream(raw, output)
    stack.callback(stream.close)  # before the file is moved: a writer that is collected later finds it shut
    try:
        yield stream
    except BaseException:
        with suppress(OSError):  # a full disk fails once more; the first failure is the one to tell
            stack.__exit__(*sys.exc_info())
        raise
    with _named(output):
        stack.close()


def make_temporary_folder(output: Path | None) -> Path:
    """Where a temporary file of the output's size may lie: beside it, unless it is a pipe, a device or standard output."""
    return Path(tempfile.gettempdir()) if output is None or is_written_in_place(output) else output.parent


def refuse_terminal(output: Path | None, format_: str) -> None:
    """Raises BioclipXError where a binary format would go to a terminal."""
    if output is None and sys.stdout.isatty():
        raise BioclipXError(f"{format_} is binary, and no terminal can show it: give --output FILE, or pipe it on")


def escape_surrogates(text: str) -> str:
    """Text as `Stream` writes it in UTF-8, for formats that encode by themselves.

    >>> escape_surrogates("caf\\udce9.jpg")
    'caf\\\\udce9.jpg'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


@contextmanager
def _named(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise BioclipXError(f"{output} cannot be written: {problem.strerror or problem}") from problem
