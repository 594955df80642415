"""Checks of taxonomy readers. The file to read is the example `file`, else the one that the reader declares."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from bioclip_x.capabilities import TaxonomyReaderCapabilities
from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.errors import TaxonomyError
from bioclip_x.registry import get_capabilities
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.writers import FORMATS, make_document
from bioclip_x.testing.checks import NotApplicable, Subject

HEAD = 65536
ODD = (b"", b"\0", b"\xff\xfe" * 3000, b"a,b\n1", b"(((", b"{[" * 2000, "é\u2028".encode() * 3000, b"PK\x03\x04")


def find_example(subject: Subject, folder: Path) -> Path:
    """Returns the example's path. Raises NotApplicable without one."""
    if "file" in subject.examples:
        return Path(subject.examples["file"])
    example = get_capabilities(subject.make(), TaxonomyReaderCapabilities).example
    if example is None:
        raise NotApplicable("needs an example: file=…, or a FormatExample in its capabilities")
    for name, text in example.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder / example.path


def read_head(path: Path) -> bytes:
    return b"" if path.is_dir() else path.read_bytes()[:HEAD]


def check_sniffing_never_fails(subject: Subject) -> None:
    """`sniff` answers True or False for any content and suffix."""
    with TemporaryDirectory() as folder:
        for head in ODD:
            for name in ("a", "a.csv", "a.json", "a.nwk", "a b.TXT"):
                path = Path(folder, name)
                path.write_bytes(head)
                answer = subject.make().sniff(path, head)
                assert isinstance(answer, bool), f"expected True or False, got {answer!r}"


def check_it_recognises_its_format(subject: Subject) -> None:
    """It recognises the example."""
    with TemporaryDirectory() as folder:
        path = find_example(subject, Path(folder))
        assert subject.make().sniff(path, read_head(path)), f"expected sniff to recognise {path.name}"


def check_it_reads_a_tree(subject: Subject) -> None:
    """It reads the example: a Taxonomy with classes that have names, the same twice."""
    with TemporaryDirectory() as folder:
        path = find_example(subject, Path(folder))
        tree, again = subject.make().read(path), subject.make().read(path)
        assert isinstance(tree, Taxonomy), f"expected a Taxonomy, got {type(tree).__name__}; TaxonomyBuilder makes one"
        assert tree.n_classes > 0, "expected at least one class"
        assert all(tree.class_taxon(c).name.strip() for c in range(tree.n_classes)), "expected a name of every class"
        assert tree.fingerprint == again.fingerprint, "expected the same tree twice"


def check_classes_survive_a_round_trip(subject: Subject) -> None:
    """The tree that it reads has the same classes and taxa when it is written as YAML and read again."""
    with TemporaryDirectory() as folder:
        tree = subject.make().read(find_example(subject, Path(folder)))
        written = Path(folder) / "written.yaml"
        written.write_text("".join(map(str, make_document(tree, FORMATS["yaml"]).chunks())), "utf-8")
        again = read_taxonomy(subject.registry, written)
        assert list_lineages(again) == list_lineages(tree), "expected the same lineages of the classes"


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


def check_a_missing_file_is_told(subject: Subject) -> None:
    """A file that does not exist is a TaxonomyError that names it."""
    try:
        subject.make().read(Path("there-is-no-such-file.txt"))
    except TaxonomyError as problem:
        assert "there-is-no-such-file" in str(problem), f"expected an error that names the file, got {problem}"
        return
    raise AssertionError("expected a TaxonomyError for a file that does not exist")
