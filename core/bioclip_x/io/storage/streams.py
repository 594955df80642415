"""Opens outputs: a file that appears only when complete, or standard output."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from bioclip_x.errors import BioclipXError
from bioclip_x.io.storage.replacement import is_written_in_place, open_replacement, refuse_impossible_name
from bioclip_x.messages import escape_between_colours, escape_controls


class BinaryStream:
    """Writes bytes to an open file. Raises BioclipXError naming `output` if writing fails.

    Without `output`, `raw` is standard output. Every write there is flushed at once for the reader of a pipe; with `flush`
    also in a file, so that nothing is lost where the process is killed. `close` refuses further writes but leaves the file
    open; after `discard`, writes are ignored.
    """

    def __init__(self, raw: IO[bytes], output: Path | None = None, *, flush: bool = False) -> None:
        self._raw, self._output, self._flushes = raw, output, flush or output is None
        self._written = 0
        self._discards = False
        self.closed = False

    def write(self, data: Any) -> int:
        """Writes bytes or another bytes-like object; returns the number of bytes."""
        if self._discards:
            pass
        elif self.closed:
            raise ValueError("write to a closed stream")
        elif self._output is None:
            self._write(data)
        else:
            with _convert_errors(self._output):
                self._write(data)
        size = memoryview(data).nbytes
        self._written += size
        return size

    def _write(self, data: Any) -> None:
        self._raw.write(data)
        if self._flushes:
            self._raw.flush()

    def tell(self) -> int:
        return self._written

    def flush(self) -> None:
        """Does nothing: see the class."""

    def close(self) -> None:
        self.closed = True

    def discard(self) -> None:
        self._discards = True


class Stream:
    """Writes text to a binary stream. Unencodable characters, such as stray bytes of a file name, are escaped.

    So are control characters on a terminal, and wherever the text is for people to read (`styled`), which keeps its colours:
    a name must not move the cursor.
    """

    def __init__(
        self, raw: BinaryStream, encoding: str = "utf-8", *, is_stdout: bool = False, styled: bool = False
    ) -> None:
        self._raw, self.encoding, self._is_stdout = raw, encoding, is_stdout
        self._is_escaped, self._is_styled = self.isatty(), styled

    def write(self, text: str) -> int:
        shown = text
        if self._is_styled:
            shown = escape_between_colours(text)
        elif self._is_escaped:
            shown = escape_controls(text, keep="\t\n")
        self._raw.write(shown.encode(self.encoding, "backslashreplace"))
        return len(text)

    def flush(self) -> None:
        """Does nothing: see `BinaryStream`."""

    def isatty(self) -> bool:
        return self._is_stdout and sys.stdout.isatty()


@contextmanager
def open_output(
    output: Path | None, encoding: str = "utf-8", *, keep_partial: bool = False, styled: bool = False
) -> Iterator[Any]:
    """Opens a text stream for writing. Raises BioclipXError naming a file that cannot be written.

    After an exception inside the block no file is created. keep_partial: what was written stays in `output` + ".partial".
    styled: the text is for people to read and may have a terminal's codes for colours; other control characters are escaped.
    """
    if output is None and not hasattr(sys.stdout, "buffer"):
        yield sys.stdout
        return
    with open_binary_output(output, keep_partial=keep_partial) as raw:
        yield Stream(raw, encoding, is_stdout=output is None, styled=styled)


@contextmanager
def open_binary_output(output: Path | None, *, keep_partial: bool = False) -> Iterator[BinaryStream]:
    """Opens a binary stream for writing; otherwise like `open_output`."""
    if output is None:
        sys.stdout.flush()
        stream = BinaryStream(sys.stdout.buffer)
        try:
            yield stream
        finally:
            stream.close()
        return
    check_folder(output)
    stack = ExitStack()
    with _convert_errors(output):
        raw = stack.enter_context(open_replacement(output, "wb", keep_partial=keep_partial))
    stream = BinaryStream(raw, output, flush=keep_partial)
    stack.callback(stream.close)  # runs before the file is moved, so that a writer collected later cannot write to it
    try:
        yield stream
    except BaseException:
        with suppress(OSError):  # a full disk fails again; the first failure is the one to report
            stack.__exit__(*sys.exc_info())
        raise
    with _convert_errors(output):
        stack.close()


def check_folder(output: Path) -> None:
    """Raises BioclipXError for an output whose folder does not exist: its own, or of a link, that of what it leads to."""
    refuse_impossible_name(output)
    for folder in (output.parent, Path(os.path.realpath(output)).parent):
        if not folder.is_dir():
            raise BioclipXError(f"{output} cannot be written: there is no folder {folder}")


def make_temporary_folder(output: Path | None) -> Path:
    """Returns a folder for a temporary file of the output's size: the output's own, or the system's for pipes and devices."""
    return Path(tempfile.gettempdir()) if output is None or is_written_in_place(output) else output.parent


def refuse_terminal(output: Path | None, format_: str) -> None:
    """Raises BioclipXError if a binary format would be written to a terminal."""
    if output is None and sys.stdout.isatty():
        raise BioclipXError(f"{format_} is binary and cannot be shown in a terminal; give --output FILE or use a pipe")


def escape_surrogates(text: str) -> str:
    """Escapes surrogates as `Stream` does for UTF-8, for formats that do their own encoding.

    >>> escape_surrogates("caf\\udce9.jpg")
    'caf\\\\udce9.jpg'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


@contextmanager
def _convert_errors(output: Path) -> Iterator[None]:
    """Converts OSError to BioclipXError."""
    try:
        yield
    except OSError as problem:
        raise BioclipXError(f"{output} cannot be written: {problem.strerror or problem}") from problem
