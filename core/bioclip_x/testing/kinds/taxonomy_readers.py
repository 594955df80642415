"""Checks of taxonomy readers. The file to read is the example `file`, else the one that the reader declares."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from tempfile import TemporaryDirectory

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.errors import TaxonomyError
from bioclip_x.faults import abbreviate, summarise
from bioclip_x.hooks.capabilities import TaxonomyReaderCapabilities, get_capabilities
from bioclip_x.records import Mismatch
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.writers import FORMATS, make_document
from bioclip_x.testing.checks import NotApplicable, Subject, expect_defaults

HEAD = 65536
ODD = (b"", b"\0", b"\xff\xfe" * 3000, b"a,b\n1", b"(((", b"{[" * 2000, "é\u2028".encode() * 3000, b"PK\x03\x04")


BROKEN = (b")))((( ,,,\n", b"\xc3\x28 > x\n", b"\n{]\n")
FOREIGN = {
    "a.png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0" * 100,
    "a.html": b"<!DOCTYPE html>\n<html><head><title>Birds</title></head><body><p>Two birds.</p></body></html>\n",
    "a.pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n",
    "a.py": b"import os\n\n\ndef main() -> None:\n    print(os.name)\n",
}


def find_example(subject: Subject, folder: Path) -> Path:
    """Returns the example's path. Raises NotApplicable without one."""
    if "file" in subject.examples:
        return Path(subject.examples["file"])
    example = get_capabilities(subject.make(), TaxonomyReaderCapabilities).example
    if example is None or example.is_shown_as_text:
        raise NotApplicable("needs an example: file=…, or a FormatExample in its capabilities")
    for name, text in example.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder / example.path


def read_head(path: Path) -> bytes:
    return b"" if path.is_dir() else path.read_bytes()[:HEAD]


def check_options_have_defaults(subject: Subject) -> None:
    """Every option has a default: it is made whenever a file may be of its format."""
    expect_defaults(subject)


def check_sniffing_never_fails(subject: Subject) -> None:
    """`sniff` answers True or False for any content and suffix."""
    with TemporaryDirectory() as folder:
        for head in ODD:
            for name in ("a", "a.csv", "a.json", "a.nwk", "a b.TXT"):
                path = Path(folder, name)
                path.write_bytes(head)
                answer = subject.make().sniff(path, head)
                assert isinstance(answer, bool), f"expected True or False, got {answer!r}"


def check_mismatches_are_explained_without_failing(subject: Subject) -> None:
    """A reader that declares explains_mismatch returns a Mismatch or None for any content and suffix."""
    reader = subject.make()
    if not get_capabilities(reader, TaxonomyReaderCapabilities).explains_mismatch:
        raise NotApplicable("it does not declare explains_mismatch")
    with TemporaryDirectory() as folder:
        for head in ODD:
            for name in ("a", "a.csv", "a.json", "a.nwk"):
                path = Path(folder, name)
                path.write_bytes(head)
                answer = reader.explain_mismatch(path, head)
                assert answer is None or isinstance(answer, Mismatch), f"expected a Mismatch or None, got {answer!r}"


def check_it_recognises_its_format(subject: Subject) -> None:
    """It recognises the example."""
    if subject.registry.components(subject.kind)[subject.name].spec.default_for:
        raise NotApplicable("a setting chooses it, not the content of a file")
    with TemporaryDirectory() as folder:
        path = find_example(subject, Path(folder))
        answer = subject.make().sniff(path, read_head(path))
        assert answer, f"expected sniff to recognise {path.name}, got {answer!r}"


def check_it_leaves_other_formats_alone(subject: Subject) -> None:
    """It does not recognise pictures, web pages and texts that are no taxonomy."""
    with TemporaryDirectory() as folder:
        for name, content in FOREIGN.items():
            path = Path(folder, name)
            path.write_bytes(content)
            answer = subject.make().sniff(path, content)
            assert not answer, f"expected {name} not to be taken for a taxonomy, got {answer!r}"


def check_it_reads_a_tree(subject: Subject) -> None:
    """It reads the example: a Taxonomy with classes that have names, the same twice."""
    with TemporaryDirectory() as folder:
        path = find_example(subject, Path(folder))
        tree, again = subject.make().read(path), subject.make().read(path)
        assert isinstance(tree, Taxonomy), f"expected a Taxonomy, got {type(tree).__name__}; TaxonomyBuilder makes one"
        assert tree.n_classes > 0, "expected at least one class, got none"
        nameless = [c for c in range(tree.n_classes) if not tree.class_taxon(c).name.strip()]
        assert not nameless, f"expected a name of every class, got none of class {nameless[:1]}"
        assert tree.fingerprint == again.fingerprint, "expected the same tree twice, got another"


def check_texts_may_be_written_otherwise(subject: Subject) -> None:
    """Of a text file, line ends of Windows, a byte order mark and compression (.gz) change nothing."""
    with TemporaryDirectory() as folder:
        path = find_example(subject, Path(folder))
        content = b"" if path.is_dir() else path.read_bytes()
        if not content or b"\0" in content:
            raise NotApplicable("its format is no text")
        expected = list_lineages(subject.make().read(path))
        others = {
            f"windows{path.suffix}": (content.replace(b"\n", b"\r\n"), "with line ends of Windows"),
            f"marked{path.suffix}": (b"\xef\xbb\xbf" + content, "with a byte order mark"),
            f"{path.name}.gz": (gzip.compress(content), "compressed (.gz)"),
        }
        for name, (written, how) in others.items():
            other = Path(folder, name)
            other.write_bytes(written)
            try:
                found = list_lineages(subject.make().read(other))
            except Exception as problem:
                raise AssertionError(f"expected the example {how} to be read, got {summarise(problem)}") from problem
            assert found == expected, f"expected the same classes of the example {how}, got {found!s:.80}"


def check_classes_survive_a_round_trip(subject: Subject) -> None:
    """The tree that it reads has the same classes and taxa when it is written as YAML and read again."""
    with TemporaryDirectory() as folder:
        tree = subject.make().read(find_example(subject, Path(folder)))
        written = Path(folder) / "written.yaml"
        written.write_text("".join(map(str, make_document(tree, FORMATS["yaml"]).chunks())), "utf-8")
        try:
            found, expected = list_lineages(read_taxonomy(subject.registry, written)), list_lineages(tree)
        except TaxonomyError as problem:
            raise AssertionError(f"expected the tree as YAML to be read again, got {summarise(problem)}") from problem
        assert found == expected, (
            f"expected the same lineages of the classes, got {sorted(set(found) ^ set(expected))!s:.100}"
        )


def list_lineages(tree: Taxonomy) -> list[tuple[tuple[str, str], ...]]:
    return sorted(tree.class_taxon(c).lineage for c in range(tree.n_classes))


def check_damaged_files_are_told(subject: Subject) -> None:
    """A file that is cut, or of noise, gives a TaxonomyError that names the file, or a tree; nothing else."""
    with TemporaryDirectory() as folder:
        path = find_example(subject, Path(folder))
        if path.is_dir():
            raise NotApplicable("its format is a folder")
        content = path.read_bytes()
        for damaged in (content[: len(content) * 2 // 3], content + b"\0\0\xff(((,,,", b"\0" * 100):
            path.write_bytes(damaged)
            try:
                subject.make().read(path)
            except TaxonomyError as problem:
                assert path.name in str(problem), f"expected an error that names {path.name}, got {problem}"


def check_errors_name_the_line(subject: Subject) -> None:
    """If a line that is not of the format is an error, the error names file and line."""
    with TemporaryDirectory() as folder:
        path = find_example(subject, Path(folder))
        lines = [] if path.is_dir() else path.read_bytes().splitlines(keepends=True)
        if not lines or any(b"\0" in line for line in lines):
            raise NotApplicable("its format is no text")
        told = 0
        for broken in BROKEN:
            path.write_bytes(b"".join([*lines[:-1], broken, lines[-1]]))
            try:
                subject.make().read(path)
            except TaxonomyError as problem:
                told += 1
                assert path.name in str(problem) and re.search(r"\bline\W{0,3}\d|:\d|\blines\b", str(problem)), (
                    f"expected an error that names {path.name} and the line, got {summarise(problem)}"
                )
            except Exception as problem:
                raise AssertionError(
                    f"expected a TaxonomyError of a broken line, got {summarise(problem)}"
                ) from problem
        if not told:
            raise NotApplicable("it reads odd lines as names")


def check_declared_options_exist(subject: Subject) -> None:
    """The option that its capabilities name is among those of its constructor."""
    option = get_capabilities(subject.make(), TaxonomyReaderCapabilities).several_parents_option
    known = [parameter.name for parameter in subject.registry.parameters(subject.kind, subject.name)]
    assert not option or option in known, f"expected an option among {known}, got {option!r} in its capabilities"


def check_a_missing_file_is_told(subject: Subject) -> None:
    """A file that does not exist is a TaxonomyError that names it."""
    try:
        got = subject.make().read(Path("there-is-no-such-file.txt"))
    except TaxonomyError as problem:
        assert "there-is-no-such-file" in str(problem), f"expected an error that names the file, got {problem}"
        return
    except Exception as problem:
        raise AssertionError(f"expected a TaxonomyError of a missing file, got {summarise(problem)}") from problem
    raise AssertionError(f"expected a TaxonomyError for a file that does not exist, got {abbreviate(got)}")
