"""The report `my-component`: `bioclip-x classify --format my-component`, and `--report FILE.names`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bioclip_x.plugin import ComponentSpec, Provenance, ReportCapabilities, Result, hookimpl, open_output

bioclip_x_api = 1


@hookimpl
def reports() -> list[ComponentSpec]:
    return [ComponentSpec("my-component", "a line per image: its name and taxon", f"{__name__}:MyComponent")]


class MyComponent:
    """Tab-separated: the image, then the taxon, or why there is none."""

    capabilities = ReportCapabilities(suffixes=(".names",))

    @contextmanager
    def open(self, output: Path | None, provenance: Provenance) -> Iterator["Writer"]:
        """The file appears when the block ends; None writes to stdout."""
        with open_output(output) as stream:
            yield Writer(stream)


class Writer:
    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, result: Result) -> None:
        said = result.predictions[0].taxon.name if result.predictions else result.error or result.refused
        cells = (" ".join(cell.split()) for cell in (result.source, said))  # a name may hold tabs and line ends
        self._stream.write("\t".join(cells) + "\n")
