"""The Encyclopedia of Life: its media manifest, and images as BioCLIP's authors downloaded them.

The manifest (media_manifest.tgz) is a set of CSV files, of which the first alone has a line of column names; an image file is
named by content and page, 12784812_51655800_eol-full-size-copy.jpg (github.com/Imageomics/bioclip, src/imageomics/eol.py).
"""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from bioclip_x.plugin import Archive, DatasetError, TaxonomyError, open_archive, parse_whole_number
from bioclip_x_plugins.image_sources.accounting import NO_FILE, NO_ROW, Accounts, batch_records
from bioclip_x_plugins.image_sources.eol_names import NAMES, Hierarchy, ProviderIds, to_numbers
from bioclip_x_plugins.image_sources.files import SUFFIXES, list_images, make_revision, require_file, require_folder
from bioclip_x_plugins.image_sources.joins import load, open_joins, select
from bioclip_x_plugins.image_sources.tables import TextTable, require_columns

CONTENT, PAGE, URL = "EOL content ID", "EOL page ID", "EOL Full-Size Copy URL"
LICENCE, OWNER = "License Name", "Copyright Owner"
COLUMNS: Final = (CONTENT, PAGE, "Medium Source URL", URL, LICENCE, OWNER)
FILE: Final = re.compile(r"(?:.*/)?(\d+)_(\d+)_eol[^/]*", re.IGNORECASE)
ARCHIVES: Final = (".tar", ".tar.gz", ".tgz", ".zip")
FOUND: Final = ("content", "page", "image", "member", "file", "problem")
OTHER_NAME: Final = "its name is not that of an image of EOL (CONTENT_PAGE_eol-full-size-copy.jpg)"
CUT_SHORT: Final = "the archive is damaged or cut short; images before the damage are used"


class Eol:
    """manifest: media_manifest.tgz as downloaded, the folder of its CSV files, or one CSV file.

    images: a folder of image files and of archives (tar, tar.gz, zip) of them; without it, the images are at the manifest's URLs.
    taxa: taxon.tab of EOL's Dynamic Hierarchy, which gives lineages. provider_ids: provider_ids.csv, which gives the names of
    pages that `taxa` lacks. One of the two is needed.
    """

    def __init__(
        self, *, manifest: Path, images: Path | None = None, taxa: Path | None = None, provider_ids: Path | None = None
    ) -> None:
        self.manifest, self.images, self.taxa, self.provider_ids = manifest, images, taxa, provider_ids
        self._accounts = Accounts()

    def revision(self) -> str:
        self._require()
        manifest = sorted(self.manifest.glob("*")) if self.manifest.is_dir() else [self.manifest]
        archives = list(_list_archives(self.images)) if self.images else []
        tables = [path for path in (self.taxa, self.provider_ids) if path]
        files = [path for path in (*manifest, *tables, *archives) if path.is_file()]
        return make_revision(files, [self.images] if self.images else [])

    def tables(self) -> Iterator[pa.Table]:
        self._accounts = Accounts()
        self._require()
        yield from self._accounts.check(self._add_names(self._iterate()))

    def notes(self) -> Sequence[str]:
        return self._accounts.notes()

    def _require(self) -> None:
        if not self.manifest.exists():
            raise DatasetError(f"eol: the media manifest {self.manifest} does not exist")
        if self.images:
            require_folder(self.images, "eol")
        for path in (self.taxa, self.provider_ids):
            if path:
                require_file(path, "eol")
        if not (self.taxa or self.provider_ids):
            raise DatasetError(
                "eol: expected taxa (taxon.tab) or provider_ids (provider_ids.csv), which name the pages"
            )

    def _iterate(self) -> Iterator[pa.Table]:
        if self.images is None:
            for table in self._read_manifest():
                yield make_rows(table, table[URL])
            return
        with open_joins() as connection:
            load(connection, "media", COLUMNS, self._read_manifest())
            found = batch_records(self._list_files(), FOUND)
            load(connection, "found", FOUND, found)
            sql = f"""
                SELECT coalesce(m."{CONTENT}", f.content) AS "{CONTENT}", coalesce(m."{PAGE}", f.page) AS "{PAGE}",
                    m."{LICENCE}", m."{OWNER}", coalesce(f.image, '') AS image, coalesce(f.member, '') AS member,
                    coalesce(f.file, '') AS file,
                    CASE WHEN f.problem != '' THEN f.problem WHEN f.image IS NULL THEN '{NO_FILE}'
                         WHEN m.place IS NULL THEN '{NO_ROW}' ELSE '' END AS problem
                FROM media m FULL JOIN found f ON m."{CONTENT}" = f.content AND m."{PAGE}" = f.page
                ORDER BY m.place NULLS LAST, f.place
            """
            for table in select(connection, sql):
                yield make_rows(table, table["image"])

    def _read_manifest(self) -> Iterator[pa.Table]:
        try:
            with open_archive(self.manifest) as archive:
                names = [name for name in archive.names if name.lower().endswith(".csv")]
                if not names:
                    raise DatasetError(f"eol: {self.manifest} has no CSV file; expected media_manifest_1.csv, …")
                for name in sorted(names, key=_number_name):
                    yield from self._read_part(archive, name)
        except TaxonomyError as problem:
            raise DatasetError(str(problem)) from problem

    def _read_part(self, archive: Archive, name: str) -> Iterator[pa.Table]:
        with archive.open(name) as raw:
            whole: Any = raw
            stream = io.BufferedReader(whole, 1 << 16)
            head = stream.peek(4096)[:4096].removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
            first = head.partition("\n")[0].strip()
            if parse_whole_number(first[:1]) is not None:
                columns, skip = list(COLUMNS), 0
            else:
                columns, skip = [cell.strip().strip('"') for cell in first.split(",")], 1
            table = TextTable(archive.where(name), lambda: nullcontext(stream), delimiter=",", names=columns, skip=skip)
            require_columns(table, COLUMNS, "EOL's media")
            yield from table.batches(COLUMNS)
        if table.malformed:
            self._accounts.say(
                f"{table.where}: {len(table.malformed):,} lines that are no rows of {len(columns)} cells"
            )

    def _list_files(self) -> Iterator[Mapping[str, str]]:
        assert self.images is not None
        for path in list_images(self.images):
            yield describe_file(str(self.images / path), "", path)
        for archive in _list_archives(self.images):
            try:
                for name in list_members(archive):
                    yield describe_file(str(archive), name, f"{archive.name}/{name}")
            except (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError, ValueError) as problem:
                self._accounts.say(f"{archive}: {CUT_SHORT} ({problem})")

    def _add_names(self, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
        hierarchy = Hierarchy(self.taxa) if self.taxa else None
        ids = ProviderIds(self.provider_ids) if self.provider_ids else None
        nameless = 0
        for table in tables:
            page_n = to_numbers(table["page"])
            names = hierarchy.find(page_n) if hierarchy else {name: pa.array([""] * len(table)) for name in NAMES}
            if ids:
                names["name"] = pc.if_else(pc.equal(names["name"], ""), ids.find(page_n), names["name"])
            usable = pc.equal(table["problem"], "") if "problem" in table.column_names else True
            nameless += pc.sum(pc.and_(usable, pc.equal(names["name"], ""))).as_py() or 0
            rows = {name: table[name] for name in table.column_names if name != "page"}
            yield pa.table(rows | names)
        if nameless:
            self._accounts.say(f"{nameless:,} images are of pages without a name in the given tables")


def make_rows(table: pa.Table, image: pa.ChunkedArray) -> pa.Table:
    """Returns rows of the manifest's columns, and the column `page`."""
    content, page = pc.fill_null(table[CONTENT], ""), pc.fill_null(table[PAGE], "")
    file = table["file"] if "file" in table.column_names else "(no content ID)"
    rows = {
        "source_id": pc.if_else(pc.equal(content, ""), file, pc.binary_join_element_wise(content, page, "_")),
        "image": image,
        "licence": table[LICENCE],
        "rights_holder": table[OWNER],
        "reference": pc.if_else(
            pc.equal(page, ""), "", pc.binary_join_element_wise("https://eol.org/pages/", page, "")
        ),
        "page": page,
    }
    return pa.table(rows | {name: table[name] for name in ("member", "problem") if name in table.column_names})


def describe_file(image: str, member: str, name: str) -> dict[str, str]:
    """Returns content and page that a file is named by, or a problem."""
    match = FILE.fullmatch(name)
    content, page = match.groups() if match else ("", "")
    return {
        "content": content, "page": page, "image": image, "member": member, "file": name, "problem": "" if match else OTHER_NAME,
    }  # fmt: skip


def _list_archives(folder: Path) -> Iterator[Path]:
    for path in list_images(folder, ARCHIVES):
        yield folder / path


def list_members(path: Path) -> Iterator[str]:
    """Yields the names of the images in an archive; raises what tarfile and zipfile do where it is damaged."""
    if path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as archive:
            yield from (name for name in archive.namelist() if name.lower().endswith(SUFFIXES))
        return
    mode: Any = "r:" if path.suffix.lower() == ".tar" else "r|*"
    with tarfile.open(path, mode) as tar:
        yield from (member.name for member in tar if member.isreg() and member.name.lower().endswith(SUFFIXES))


def _number_name(name: str) -> tuple[int, str]:
    digits = re.findall(r"\d+", name.rpartition("/")[2])
    return int(digits[-1]) if digits else 0, name
