"""Taxonomy readers, each with one fault."""

from itertools import count
from pathlib import Path

from bioclip_x.plugin import (
    FormatExample,
    Mismatch,
    Taxonomy,
    TaxonomyBuilder,
    TaxonomyError,
    TaxonomyReaderCapabilities,
    decode_head,
    read_lines,
)

KIND = "taxonomy_readers"
EXAMPLE = FormatExample("birds.txt", {"birds.txt": "Parus > Parus major\nPica > Pica pica\n"})
calls = count()


class Right:
    """genus > species"""

    capabilities = TaxonomyReaderCapabilities(explains_mismatch=True, example=EXAMPLE)

    def sniff(self, path: Path, head: bytes) -> bool:
        return decode_head(head).split("\n")[0].count(" > ") == 1

    def explain_mismatch(self, path: Path, head: bytes) -> Mismatch | None:
        return None

    def read(self, path: Path) -> Taxonomy:
        builder = TaxonomyBuilder()
        for number, line in enumerate(self.read_lines(path), start=1):
            genus, arrow, species = (part.strip() for part in line.partition(">"))
            if not genus or not arrow or not species:
                raise self.fail(path, number)
            self.add(builder, genus, species)
        return builder.build()

    def read_lines(self, path: Path) -> list[str]:
        return [line for line in read_lines(path, TaxonomyError) if line.strip()]

    def add(self, builder: TaxonomyBuilder, genus: str, species: str) -> None:
        builder.add_lineage([("genus", genus), ("species", species)])

    def fail(self, path: Path, number: int) -> Exception:
        return TaxonomyError(f"{path}, line {number}: expected genus > species")


class Strict(Right):
    """heads that must be UTF-8"""

    def sniff(self, path: Path, head: bytes) -> bool:
        return " > " in head.decode()


class Explaining(Right):
    """an explanation of the first line, if there is one"""

    def explain_mismatch(self, path: Path, head: bytes) -> Mismatch | None:
        first = head.splitlines()[0]
        return Mismatch(0.1, "it has no arrow") if b"birds" in first else None


class Blind(Right):
    """files of another suffix"""

    def sniff(self, path: Path, head: bytes) -> bool:
        return path.suffix == ".genera"


class Greedy(Right):
    """any text"""

    def sniff(self, path: Path, head: bytes) -> bool:
        return True


class Moody(Right):
    """another tree each time"""

    def add(self, builder: TaxonomyBuilder, genus: str, species: str) -> None:
        super().add(builder, genus, f"{species} {next(calls)}")


class Plain(Right):
    """files that it opens by itself"""

    def read_lines(self, path: Path) -> list[str]:
        return path.read_bytes().decode().splitlines()


class Undecoded(Right):
    """names that are no text, as Python reads bytes that are no UTF-8"""

    def add(self, builder: TaxonomyBuilder, genus: str, species: str) -> None:
        super().add(builder, genus, f"{species}\ud800")


class Unguarded(Right):
    """odd lines that are ValueErrors"""

    def fail(self, path: Path, number: int) -> Exception:
        return ValueError("not enough values to unpack")


class Wordless(Right):
    """errors without a line"""

    def fail(self, path: Path, number: int) -> Exception:
        return TaxonomyError(f"{path} is invalid")


class Misnamed(Right):
    """an option that it has not"""

    capabilities = TaxonomyReaderCapabilities(explains_mismatch=True, example=EXAMPLE, several_parents_option="dag")


class Demanding(Right):
    """an option without a default"""

    def __init__(self, *, level: int) -> None:
        self.level = level


RIGHT = (Right,)
FAULTY = {
    "options_have_defaults": Demanding,
    "sniffing_never_fails": Strict,
    "mismatches_are_explained_without_failing": Explaining,
    "it_recognises_its_format": Blind,
    "it_leaves_other_formats_alone": Greedy,
    "it_reads_a_tree": Moody,
    "texts_may_be_written_otherwise": Plain,
    "classes_survive_a_round_trip": Undecoded,
    "damaged_files_are_told": Unguarded,
    "errors_name_the_line": Wordless,
    "declared_options_exist": Misnamed,
    "a_missing_file_is_told": Plain,
}
