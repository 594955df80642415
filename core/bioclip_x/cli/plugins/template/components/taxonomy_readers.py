"""The taxonomy reader `my-component`: `--taxonomy FILE`, if the file is of its format."""

from pathlib import Path

from bioclip_x.plugin import (
    ComponentSpec,
    FormatExample,
    Taxonomy,
    TaxonomyBuilder,
    TaxonomyError,
    TaxonomyReaderCapabilities,
    decode_head,
    hookimpl,
    read_lines,
)

RANKS = ("family", "genus", "species")

bioclip_x_api = 1


@hookimpl
def taxonomy_readers() -> list[ComponentSpec]:
    return [ComponentSpec("my-component", "lines such as Paridae > Parus > Parus major", f"{__name__}:MyComponent")]


class MyComponent:
    """One class a line: its family, genus and species, separated by " > "."""

    capabilities = TaxonomyReaderCapabilities(
        example=FormatExample(
            "birds.txt", {"birds.txt": "Paridae > Parus > Parus major\nCorvidae > Pica > Pica pica\n"}
        )
    )

    def sniff(self, path: Path, head: bytes) -> bool:
        first = decode_head(head).split("\n")[0]
        return first.count(" > ") == len(RANKS) - 1

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and line."""
        builder = TaxonomyBuilder()
        for number, line in enumerate(read_lines(path, TaxonomyError), start=1):
            if not line.strip():
                continue
            names = [name.strip() for name in line.split(">")]
            if len(names) != len(RANKS) or not all(names):
                raise TaxonomyError(f"{path}, line {number}: expected family > genus > species, got {line.strip()!r}")
            builder.add_lineage(list(zip(RANKS, names, strict=True)), line=number)
        return builder.build(source=path.name)
