"""Archives and compressed files: bombs, names that leave them, links, lies in their directories."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from hostile.case import OK, READ_OR_REFUSED, REFUSED, Case, Outcome
from hostile.inputs import LABELS, TABLE, write_image

TAXA = "taxonID\tparentNameUsageID\tscientificName\n1\t\tAus\n2\t1\tAus bus\n"
META = (
    '<archive xmlns="http://rs.tdwg.org/dwc/text/"><core rowType="http://rs.tdwg.org/dwc/terms/Taxon" '
    'encoding="{encoding}" fieldsTerminatedBy="\\t" fieldsEnclosedBy="{quote}" ignoreHeaderLines="{header}">'
    '<files><location>{location}</location></files><id index="{id}"/>'
    '<field index="1" term="http://rs.tdwg.org/dwc/terms/parentNameUsageID"/>'
    '<field index="{index}" term="http://rs.tdwg.org/dwc/terms/scientificName"/></core></archive>'
)
GIGABYTE = 1 << 30


def cases() -> Iterator[Case]:
    yield from _damage()
    yield from _name_members()
    yield from _lie_in_zips()
    yield from _multiply()
    yield from _describe_wrongly()
    yield from _break_workbooks()
    yield from _put_in_folders()
    yield from _mix_kinds()


def _validate(name: str, content: Callable[[], bytes] | bytes, *flags: str) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content())
        return ["taxonomy", "validate", name, "--format", "json", *flags]

    return make


def _has_classes(number: int) -> Callable[[Outcome], str]:
    def check(outcome: Outcome) -> str:
        found = json.loads(outcome.stdout)[0]["classes"]
        return "" if found == number else f"{found} classes, expected {number}"

    return check


def _says_no_secret(outcome: Outcome) -> str:
    """Nothing is told of files outside of what was named, and nothing is written there."""
    said = outcome.stdout + outcome.stderr
    if "root:" in said or "SECRET" in said:
        return "a file outside of the archive was read"
    return "a file was written" if (outcome.folder / "hacked").exists() else ""


# Making archives


def _make_zip(members: dict[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def _make_tar(members: dict[str, str | bytes], mode: str = "w") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            raw = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
    return stream.getvalue()


def _make_odd_tar(kind: bytes, target: str = "") -> bytes:
    """A tar of one table, and of a member that is no file."""
    stream = io.BytesIO(_make_tar({"taxon.tsv": TAXA}))
    with tarfile.open(fileobj=stream, mode="a") as archive:
        member = tarfile.TarInfo("names.tsv")
        member.type, member.linkname = kind, target
        archive.addfile(member)
    return stream.getvalue()


def _compress(method: str, content: bytes) -> bytes:
    if method == "zst":
        import pyarrow as pa

        return pa.compress(content, codec="zstd", asbytes=True)
    return {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[method](content)


def _make_darwin_core(**options: str) -> bytes:
    known = {"encoding": "UTF-8", "quote": "", "header": "1", "location": "taxon.tsv", "id": "0", "index": "2"}
    return _make_zip({"meta.xml": META.format(**(known | options)), "taxon.tsv": TAXA})


# Damage


ARCHIVES: dict[str, Callable[[], bytes]] = {
    "a.zip": lambda: _make_zip({"taxon.tsv": TAXA, "notes.txt": "x" * 500}),
    "a.tar": lambda: _make_tar({"taxon.tsv": TAXA}),
    "a.tar.gz": lambda: _make_tar({"taxon.tsv": TAXA}, "w:gz"),
    "a.tar.bz2": lambda: _make_tar({"taxon.tsv": TAXA}, "w:bz2"),
    "a.tar.xz": lambda: _make_tar({"taxon.tsv": TAXA}, "w:xz"),
    "a.csv.gz": lambda: _compress("gz", TABLE.encode()),
    "a.csv.bz2": lambda: _compress("bz2", TABLE.encode()),
    "a.csv.xz": lambda: _compress("xz", TABLE.encode()),
    "a.csv.zst": lambda: _compress("zst", TABLE.encode()),
}


def _damage() -> Iterator[Case]:
    for name, make in ARCHIVES.items():
        kind = name.replace(".", "-")
        yield Case(f"{kind}-whole", _validate(name, make), OK, check=_has_classes(1 if "csv" not in name else 2))
        for part in (1, 2, 3):
            cut = partial(_cut, make, part)
            # Half of a tar is a tar, of which the end is missing; its table may be whole.
            yield Case(
                f"{kind}-cut-{part}-4", _validate(name, cut), READ_OR_REFUSED if name == "a.tar" else REFUSED, r"a\."
            )
        for place in (3, 2):
            yield Case(f"{kind}-flipped-{place}", _validate(name, partial(_flip, make, place)), READ_OR_REFUSED)
        yield Case(f"{kind}-trailing", _validate(name, partial(_append, make, b"and more" * 100)), READ_OR_REFUSED)
        yield Case(f"{kind}-only-beginning", _validate(name, partial(_take, make, 6)), REFUSED)


def _cut(make: Callable[[], bytes], part: int) -> bytes:
    content = make()
    return content[: len(content) * part // 4]


def _flip(make: Callable[[], bytes], place: int) -> bytes:
    content = bytearray(make())
    content[len(content) // place] ^= 0xFF
    return bytes(content)


def _append(make: Callable[[], bytes], more: bytes) -> bytes:
    return make() + more


def _take(make: Callable[[], bytes], size: int) -> bytes:
    return make()[:size]


# Names and kinds of members


def _name_members() -> Iterator[Case]:
    hostile = {
        "above": "../hacked", "far-above": "a/../../hacked", "absolute": "/etc/passwd", "drive": "C:\\hacked",
        "back-slash": "..\\hacked", "share": "\\\\server\\hacked", "within": "a/../taxon.csv",
    }  # fmt: skip
    for name, member in hostile.items():
        members: dict[str, str | bytes] = {"taxon.tsv": TAXA, member: "x"}
        for suffix, make in (("zip", _make_zip), ("tar", _make_tar)):
            yield Case(f"name-{name}-{suffix}", _validate(f"a.{suffix}", partial(make, members)), REFUSED,
                       "outside the archive", _says_no_secret)  # fmt: skip
    for name, kind in (("link", tarfile.SYMTYPE), ("hard-link", tarfile.LNKTYPE), ("device", tarfile.CHRTYPE),
                       ("block", tarfile.BLKTYPE), ("fifo", tarfile.FIFOTYPE), ("unknown", b"Z")):  # fmt: skip
        yield Case(f"tar-{name}", _validate("a.tar", partial(_make_odd_tar, kind, "/etc/passwd")),
                   REFUSED if name != "unknown" else READ_OR_REFUSED, "link|device" if name != "unknown" else "",
                   _says_no_secret)  # fmt: skip
    yield Case("zip-link", _validate("a.zip", _make_zip_link), REFUSED, "link", _says_no_secret)
    yield Case("zip-control-name", _validate("a.zip", partial(_make_zip, {"taxon.tsv": TAXA, "a\x1b[31m.txt": "x"})), OK,
               check=_has_classes(1))  # fmt: skip
    yield Case("zip-control-name-listed", _validate("a.zip", partial(_make_zip, {"a\x1b[31m\u202e.png": "x"})), REFUSED,
               check=_prints_plainly)  # fmt: skip
    yield Case("zip-long-name", _validate("a.zip", partial(_make_zip, {"taxon.tsv": TAXA, "a" * 60_000: "x"})), OK)
    yield Case("zip-nul-name", _validate("a.zip", _make_nul_name), REFUSED, "outside|damaged")
    yield Case("zip-hidden-only", _validate("a.zip", partial(_make_zip, {".taxon.tsv": TAXA, "__MACOSX/a": "x"})), REFUSED,
               "no files")  # fmt: skip
    yield Case("zip-empty", _validate("a.zip", partial(_make_zip, {})), REFUSED, "no files")
    yield Case("tar-empty", _validate("a.tar", partial(_make_tar, {})), REFUSED, "a.tar")
    yield Case("tar-same-name", _validate("a.tar", _make_tar_twice), (0, 2))
    yield Case(
        "tar-sparse", _validate("a.tar", partial(_make_odd_tar, tarfile.GNUTYPE_SPARSE)), REFUSED, "link|damaged"
    )


def _prints_plainly(outcome: Outcome) -> str:
    return "a control character is printed" if "\x1b" in outcome.stdout + outcome.stderr else ""


def _make_zip_link() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        info = zipfile.ZipInfo("taxon.tsv")
        info.create_system, info.external_attr = 3, 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return stream.getvalue()


def _make_nul_name() -> bytes:
    return _make_zip({"taxonX.tsv": TAXA}).replace(b"taxonX", b"taxon\0")


def _make_tar_twice() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for content in (TAXA.encode(), b"x"):
            member = tarfile.TarInfo("taxon.tsv")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


# Directories of zips that say what is not so


def _lie_in_zips() -> Iterator[Case]:
    end = b"PK\x05\x06"
    central, local = b"PK\x01\x02", b"PK\x03\x04"
    for name, signature, offset, kind, value in (
        ("encrypted", central, 8, "<H", 1),
        ("unknown-method", central, 10, "<H", 99),
        ("deflate64", central, 10, "<H", 9),
        ("wrong-crc", central, 16, "<I", 12345),
        ("packed-size", central, 20, "<I", 0x7FFFFFFF),
        ("unpacked-size", central, 24, "<I", 0x7FFFFFFF),
        ("unpacked-small", central, 24, "<I", 3),
        ("zip64-sizes", central, 24, "<I", 0xFFFFFFFF),
        ("other-disk", central, 34, "<H", 7),
        ("local-offset", central, 42, "<I", 0x7FFFFFFF),
        ("member-count", end, 10, "<H", 0xFFFF),
        ("directory-size", end, 12, "<I", 0x7FFFFFFF),
        ("directory-offset", end, 16, "<I", 0x7FFFFFFF),
        ("comment-length", end, 20, "<H", 0xFFFF),
        ("local-name-length", local, 26, "<H", 0xFFFF),
        ("local-signature", local, 0, "<I", 0),
    ):
        statuses = (
            READ_OR_REFUSED
            if name in ("member-count", "other-disk", "unpacked-size", "packed-size", "zip64-sizes", "comment-length")
            else REFUSED
        )
        says = {"encrypted": "encrypted", "unknown-method": "method"}.get(name, r"a\.zip")
        yield Case(f"lie-{name}", _validate("a.zip", partial(_patch, signature, offset, kind, value)), statuses, says)
    yield Case(
        "lie-overlapping", _validate("a.zip", _overlap, "--taxonomy-format", "coldp"), REFUSED, "a.zip", seconds=10
    )
    yield Case("comment-of-64-kilobytes", _validate("a.zip", _make_long_comment), OK, check=_has_classes(1))
    yield Case("zip-after-a-program", _validate("a.zip", lambda: b"#!/bin/sh\n" * 50 + _make_zip({"taxon.tsv": TAXA})),
               READ_OR_REFUSED)  # fmt: skip


def _patch(signature: bytes, offset: int, kind: str, value: int) -> bytes:
    content = bytearray(_make_zip({"taxon.tsv": TAXA}))
    struct.pack_into(kind, content, content.index(signature) + offset, value)
    return bytes(content)


def _make_long_comment() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("taxon.tsv", TAXA)
        archive.comment = b"x" * 0xFFFF
    return stream.getvalue()


def _overlap() -> bytes:
    """Many entries of the directory that are all one file."""
    names = [f"NameUsag{number:05}" for number in range(5000)]
    return _repeat_entries("NameUsage.tsv", TAXA + "x" * 100_000, names)


def _repeat_entries(name: str, text: str, names: list[str]) -> bytes:
    """A zip of one file whose directory lists it many times. names: as long as its own."""
    content = _make_zip({name: text})
    start, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    entry, tail = content[start:end], bytearray(content[end:])
    entries = b"".join(entry.replace(name.encode(), one.encode()) for one in names)
    struct.pack_into("<HHI", tail, 8, len(names) & 0xFFFF, len(names) & 0xFFFF, len(entries))
    return content[:start] + entries + bytes(tail)


# What grows


def _multiply() -> Iterator[Case]:
    for method in ("gz", "bz2", "xz", "zst"):
        yield Case(f"bomb-{method}", _validate(f"a.csv.{method}", partial(_make_bomb, method)), REFUSED, "unpacks to",
                   seconds=15, bytes=GIGABYTE)  # fmt: skip
    yield Case("bomb-yaml", _validate("a.yaml.gz", partial(_make_bomb, "gz")), REFUSED, "unpacks to", seconds=15,
               bytes=GIGABYTE)  # fmt: skip
    yield Case("bomb-zip", _validate("a.zip", _make_zip_bomb, "--taxonomy-format", "darwin-core"), REFUSED, "unpacks|longer",
               seconds=15, bytes=GIGABYTE)  # fmt: skip
    yield Case("bomb-zip-that-lies", _validate("a.zip", _lie_of_a_bomb, "--taxonomy-format", "darwin-core"), REFUSED,
               "taxon.tsv is damaged|unpacks to", seconds=15, bytes=GIGABYTE)  # fmt: skip
    yield Case("bomb-zip-meta", _validate("a.zip", lambda: _make_zip({"meta.xml": " " * (5 << 20), "taxon.tsv": TAXA}),
               "--taxonomy-format", "darwin-core"),
               REFUSED, "larger than", seconds=15, bytes=GIGABYTE)  # fmt: skip
    yield Case("bomb-tar-gz", _validate("a.tar.gz", lambda: gzip.compress(_make_tar({"taxon.tsv": bytes(300 << 20)}), 1)),
               REFUSED, "a.tar.gz", seconds=20, bytes=2 * GIGABYTE)  # fmt: skip
    yield Case(
        "nested-gz",
        _validate("a.csv.gz.gz", lambda: gzip.compress(gzip.compress(TABLE.encode()))),
        REFUSED,
        "a.csv.gz.gz",
    )
    yield Case(
        "nested-zip", _validate("a.zip", lambda: _make_zip({"b.zip": _make_zip({"taxon.tsv": TAXA})})), REFUSED, "b.zip"
    )
    yield Case("itself", _validate("a.gz", lambda: gzip.compress(gzip.compress(b"")) * 10), REFUSED)
    yield Case("gz-of-a-thousand-parts", _validate("a.csv.gz", lambda: b"".join(
        gzip.compress(line.encode()) for line in (TABLE.splitlines(keepends=True) + ["\n"] * 1000))), OK,
        check=_has_classes(2))  # fmt: skip
    yield Case("gz-of-nothing-a-million-times", _validate("a.csv.gz", lambda: gzip.compress(b"") * 200_000), REFUSED, "empty",
               seconds=15)  # fmt: skip
    names = [f"a{number:05}.txt" for number in range(100_000)] + ["b00000.txt"]
    crowded = partial(_repeat_entries, names[0], "", names)
    yield Case("zip-of-too-many", _validate("a.zip", crowded, "--taxonomy-format", "darwin-core"), REFUSED,
               "more than 100,000 files", seconds=15)  # fmt: skip
    yield Case("tar-of-too-many", _validate("a.tar", partial(_make_many_headers, 100_001), "--taxonomy-format", "darwin-core"),
               REFUSED, "more than 100,000 files", seconds=15)  # fmt: skip
    yield Case("tar-of-a-terabyte", _validate("a.tar", _make_huge_member), REFUSED, "a.tar")
    yield Case("tar-pax-of-megabytes", _validate("a.tar", _make_long_header), READ_OR_REFUSED, seconds=10)


def _make_bomb(method: str) -> bytes:
    """100 MiB of a table whose rows are all the same."""
    content = TABLE.encode() + (b"P" * 50_000 + b"\n") * 2000
    return _compress(method, content) if method != "gz" else gzip.compress(content, 1)


def _make_zip_bomb() -> bytes:
    return _make_zip({"taxon.tsv": TAXA.encode() + (b"P" * 50_000 + b"\n") * 2000})


def _lie_of_a_bomb() -> bytes:
    """A bomb of which the directory says that it is large when packed, too."""
    content = bytearray(_make_zip_bomb())
    struct.pack_into("<I", content, content.index(b"PK\x01\x02") + 20, 0x7FFFFFFF)
    return bytes(content)


def _make_many_headers(count: int) -> bytes:
    return tarfile.TarInfo("a.txt").tobuf() * count + bytes(1024)


def _make_huge_member() -> bytes:
    member = tarfile.TarInfo("taxon.tsv")
    member.size = 1 << 40
    return member.tobuf(tarfile.GNU_FORMAT) + TAXA.encode()


def _make_long_header() -> bytes:
    member = tarfile.TarInfo("taxon.tsv")
    member.pax_headers = {"comment": "x" * (4 << 20)}
    member.size = len(TAXA)
    return member.tobuf(tarfile.PAX_FORMAT) + TAXA.encode().ljust(512, b"\0") + bytes(1024)


# meta.xml


def _describe_wrongly() -> Iterator[Case]:
    yield Case("meta-right", _validate("a.zip", partial(_make_darwin_core)), OK, check=_has_classes(1))
    for name, options, says in (
        ("superscript-index", {"index": "²"}, "a number as index"),
        ("superscript-id", {"id": "¹"}, "a number as index"),
        ("circled-header", {"header": "①"}, "a number as ignoreHeaderLines"),
        ("fraction", {"index": "½"}, "a number as index"),
        ("minus-minus", {"index": "--2"}, "a number as index"),
        ("float", {"index": "2.0"}, "a number as index"),
        ("huge-index", {"index": "9" * 5000}, "a number as index"),
        ("huge-header", {"header": "9" * 30}, "a number as ignoreHeaderLines"),
        ("out-of-range", {"index": "999999"}, ""),
        ("header-beyond", {"header": "1000000"}, ""),
        ("outside", {"location": "../../../../../../../etc/passwd"}, "not in the archive"),
        ("absolute", {"location": "/etc/passwd"}, "not in the archive"),
        ("url", {"location": "http://127.0.0.1:9/taxon.tsv"}, "not in the archive"),
        ("missing", {"location": "other.tsv"}, "not in the archive"),
        ("itself", {"location": "meta.xml"}, ""),
        ("no-location", {"location": ""}, "not in the archive|no file"),
        ("long-quote", {"quote": "ab"}, "fieldsEnclosedBy"),
    ):
        yield Case(
            f"meta-{name}", _validate("a.zip", partial(_make_darwin_core, **options)), REFUSED, says, _says_no_secret
        )
    for encoding in ("hex", "rot13", "zlib", "base64", "idna", "punycode", "undefined", "unicode_escape", "x" * 5000, "utf-16",
                     "..", "uu", "raw_unicode_escape", "UTF-7"):  # fmt: skip
        statuses = OK if encoding not in ("utf-16",) else READ_OR_REFUSED
        yield Case(f"meta-encoding-{encoding[:12].replace('_', '-').replace('.', 'dot')}",
                   _validate("a.zip", partial(_make_darwin_core, encoding=encoding)), statuses)  # fmt: skip
    document = META.format(encoding="UTF-8", quote="", header="1", location="taxon.tsv", id="0", index="2")
    laughs = '<!DOCTYPE a [<!ENTITY a "x">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12)
    )
    file = '<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    for name, text, says in (
        ("laughs", f"{laughs}]>" + document.replace("taxon.tsv", "&m;"), "DOCTYPE"),
        ("external-entity", file + document.replace("taxon.tsv", "&f;"), "DOCTYPE"),
        ("external-type", '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">' + document, "DOCTYPE"),
        ("parameter", '<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>' + document, "DOCTYPE"),
        ("utf-16-entity", (file + document.replace("taxon.tsv", "&f;")).encode("utf-16"), "DOCTYPE"),
        ("ebcdic-entity", b'<?xml version="1.0" encoding="cp037"?>' + (file + document).encode("cp037"), "not valid XML|DOCTYPE"),
        ("encoding-hex", f'<?xml version="1.0" encoding="hex"?>{document}', "not valid XML"),
        ("encoding-unknown", f'<?xml version="1.0" encoding="klingon"?>{document}', "not valid XML"),
        ("cut", document[: len(document) // 2], "not valid XML"),
        ("empty", "", "not valid XML"),
        ("nul", document.replace("core", "co\0re"), "not valid XML"),
        ("two-roots", document + document, "not valid XML"),
        ("deep", "<a>" * 100_000 + "</a>" * 100_000, "deep"),
        ("many-elements", "<archive>" + "<extension/>" * 200_000 + "</archive>", "no core|describes no"),
        ("other-root", "<html><body/></html>", "describes no core"),
        ("no-field", _drop_fields(document), ""),
        ("include", document.replace("<files>", '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/etc/passwd" '
         'parse="text"/><files>'), ""),
    ):  # fmt: skip
        statuses = READ_OR_REFUSED if name in ("no-field", "include") else REFUSED
        yield Case(f"meta-xml-{name}", _validate("a.zip", partial(_make_zip, {"meta.xml": text, "taxon.tsv": TAXA}),
                   "--taxonomy-format", "darwin-core"), statuses, says, _says_no_secret, seconds=10)  # fmt: skip


def _drop_fields(document: str) -> str:
    return document[: document.index("<field")] + "</core></archive>"


# Workbooks


def _break_workbooks() -> Iterator[Case]:
    sheet = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
    row = '<row r="{row}"><c r="{cell}" t="inlineStr"><is><t>{text}</t></is></c></row>'
    whole = row.format(row=1, cell="A1", text="species") + row.format(row=2, cell="A2", text="Parus major")
    for name, content, statuses, says in (
        ("right", sheet.format(whole), OK, ""),
        ("no-rows", sheet.format(""), REFUSED, "empty"),
        ("not-xml", "<worksheet", REFUSED, "damaged|empty"),
        ("entity", '<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
         + sheet.format(whole.replace("Parus major", "&f;")), REFUSED, ""),
        ("laughs", '<!DOCTYPE a [<!ENTITY a "xxxxxxxxxx">' + "".join(
            f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12)) + "]>"
         + sheet.format(whole.replace("Parus major", "&m;")), REFUSED, ""),
        ("row-a-billion", sheet.format(whole + row.format(row=1_000_000_000, cell="A1000000000", text="Parus minor")),
         READ_OR_REFUSED, ""),
        ("column-xfd", sheet.format(whole + row.format(row=3, cell="XFD3", text="x")), READ_OR_REFUSED, ""),
        ("cell-nonsense", sheet.format(whole + row.format(row=3, cell="²²²", text="x")), READ_OR_REFUSED, ""),
        ("shared-out-of-range", sheet.format('<row r="1"><c r="A1" t="s"><v>99</v></c></row>'), REFUSED, "damaged"),
        ("date-out-of-range", sheet.format(whole + '<row r="3"><c r="A3" t="d"><v>2020-13-45</v></c></row>'),
         READ_OR_REFUSED, ""),
    ):  # fmt: skip
        yield Case(f"workbook-{name}", _validate("a.xlsx", partial(_make_workbook, content)), statuses, says, _says_no_secret,
                   seconds=10, bytes=GIGABYTE)  # fmt: skip
    bomb = sheet.format(whole) + " " * (300 << 20)
    yield Case("workbook-bomb", _validate("a.xlsx", lambda: _make_workbook(bomb)), REFUSED, "zip bomb", seconds=15)
    yield Case("workbook-named", _validate("a.xlsx", b"not a workbook"), READ_OR_REFUSED)
    yield Case(
        "workbook-empty-zip", _validate("a.xlsx", partial(_make_zip, {"xl/workbook.xml": ""})), REFUSED, "damaged"
    )
    yield Case(
        "workbook-old", _validate("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)), REFUSED, "old Excel"
    )


def _make_workbook(sheet: str) -> bytes:
    main = "http://schemas.openxmlformats.org"
    types = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    return _make_zip({
        "[Content_Types].xml": f'<Types xmlns="{main}/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{types}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{types}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{main}/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{main}/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}/spreadsheetml/2006/main" '
        f'xmlns:r="{main}/officeDocument/2006/relationships"><sheets><sheet name="a" sheetId="1" r:id="r1"/></sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{main}/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{main}/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": sheet,
    })  # fmt: skip


# Folders


def _put_in_folders() -> Iterator[Case]:
    yield Case("folder-loop", _make_loop, REFUSED)
    yield Case("folder-link-out", _make_link_out, REFUSED, "link|outside", _says_no_secret)
    yield Case("folder-fifo", _make_fifo, REFUSED, seconds=5)
    yield Case("folder-broken-link", _make_broken_link, OK, check=_has_classes(1))
    yield Case("folder-of-many-folders", _make_many_folders, REFUSED, seconds=10)
    yield Case("fifo", _make_lone_fifo, REFUSED, seconds=5)


def _make_loop(folder: Path) -> list[str]:
    (folder / "a").mkdir()
    (folder / "a" / "b").symlink_to("../a")
    return ["taxonomy", "validate", "a", "--format", "json"]


def _make_link_out(folder: Path) -> list[str]:
    (folder / "secret.tsv").write_text("taxonID\tscientificName\n1\tSECRET\n")
    (folder / "a").mkdir()
    (folder / "a" / "NameUsage.tsv").symlink_to("../secret.tsv")
    return ["taxonomy", "validate", "a", "--format", "json", "--taxonomy-format", "coldp"]


def _make_fifo(folder: Path) -> list[str]:
    (folder / "a").mkdir()
    os.mkfifo(folder / "a" / "taxon.tsv")
    return ["taxonomy", "validate", "a", "--format", "json"]


def _make_lone_fifo(folder: Path) -> list[str]:
    os.mkfifo(folder / "a.csv")
    return ["taxonomy", "validate", "a.csv", "--format", "json"]


def _make_broken_link(folder: Path) -> list[str]:
    (folder / "a").mkdir()
    (folder / "a" / "taxon.tsv").write_text(TAXA)
    (folder / "a" / "other.tsv").symlink_to("missing")
    return ["taxonomy", "validate", "a", "--format", "json"]


def _make_many_folders(folder: Path) -> list[str]:
    for number in range(500):
        (folder / "a" / str(number)).mkdir(parents=True)
    return ["taxonomy", "validate", "a", "--format", "json"]


# An archive where a text is expected, and a text where an archive is


def _mix_kinds() -> Iterator[Case]:
    text = TABLE.encode()
    yield Case("text-as-zip", _validate("a.zip", text), OK, check=_has_classes(2))
    yield Case("text-as-gz", _validate("a.csv.gz", text), OK, check=_has_classes(2))
    yield Case("gz-without-suffix", _validate("a.csv", lambda: gzip.compress(text)), OK, check=_has_classes(2))
    yield Case("zip-as-csv", _validate("a.csv", partial(_make_zip, {"taxon.tsv": TAXA})), READ_OR_REFUSED)
    yield Case("zip-as-yaml", _validate("a.yaml", partial(_make_zip, {"a.yaml": "- {species: Aus bus}"}), "--taxonomy-format",
               "yaml"), REFUSED)  # fmt: skip
    yield Case("zip-of-a-table", _validate("a.zip", partial(_make_zip, {"a.csv": TABLE})), REFUSED, "a.csv")
    yield Case("png-as-gz", _validate("a.csv.gz", b"\x89PNG\r\n\x1a\n" + bytes(100)), REFUSED)
    for name in ("gz", "zip", "tar"):
        content = {
            "gz": gzip.compress(LABELS.encode()),
            "zip": _make_zip({"a.txt": LABELS}),
            "tar": _make_tar({"a.txt": LABELS}),
        }
        statuses = OK if name == "gz" else REFUSED
        yield Case(f"labels-in-{name}", partial(_classify, content[name], f"labels.txt.{name}"), statuses)
    yield Case("labels-in-a-bomb", partial(_classify, lambda: _make_bomb("gz"), "labels.txt.gz"), REFUSED, "unpacks to",
               seconds=15, bytes=2 * GIGABYTE)  # fmt: skip


def _classify(content: bytes | Callable[[], bytes], name: str, folder: Path) -> list[str]:
    write_image(folder)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content())
    return ["classify", "bird.png", "--labels", name, "--format", "json"]
