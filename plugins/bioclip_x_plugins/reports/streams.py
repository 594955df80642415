"""Where reports go: a file that appears only when complete, or standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from bioclip_x.errors import BioclipXError
from bioclip_x.files import replacing


class Stream:
    """Text to a binary file. What the encoding lacks, such as the stray bytes of a file name, is written as an escape.

    Every write to standard output is passed on at once, so that a reader at the other end of a pipe keeps up.
    """

    def __init__(self, raw: IO[bytes], encoding: str = "utf-8", output: Path | None = None) -> None:
        self._raw, self.encoding, self._output = raw, encoding, output

    def write(self, text: str) -> int:
        data = text.encode(self.encoding, "backslashreplace")
        if self._output is None:
            self._raw.write(data)
            self._raw.flush()
        else:
            with _named(self._output):
                self._raw.write(data)
        return len(text)

    def flush(self) -> None:
        """Nothing to do: see the class."""

    def isatty(self) -> bool:
        return self._output is None and sys.stdout.isatty()


@contextmanager
def opened(output: Path | None, encoding: str = "utf-8") -> Iterator[Any]:
    """A text stream to write to. Raises BioclipXError naming a file that cannot be written.

    After an exception inside the block there is no file.
    """
    if output is None:
        sys.stdout.flush()
        raw = getattr(sys.stdout, "buffer", None)
        yield sys.stdout if raw is None else Stream(raw, encoding)
        return
    if not output.parent.is_dir():
        raise BioclipXError(f"{output} cannot be written: there is no folder {output.parent}")
    with ExitStack() as stack:
        with _named(output):
            raw = stack.enter_context(replacing(output, "wb"))
        yield Stream(raw, encoding, output)
        with _named(output):
            stack.close()


@contextmanager
def _named(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise BioclipXError(f"{output} cannot be written: {problem.strerror or problem}") from problem
