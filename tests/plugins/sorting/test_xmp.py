"""Keywords in sidecars: written, merged, and never at the cost of what is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bioclip_x.cli.main import main
from bioclip_x.testing.examples import make_provenance, make_result
from bioclip_x_plugins.reports.tables.csv_report import CsvReport
from bioclip_x_plugins.sorting.xmp import HIERARCHICAL, SUBJECT, SidecarError, add_keywords, make_sidecar

WORDS = {SUBJECT: ["Parus major", "tit & <co>"], HIERARCHICAL: ["Aves|Paridae|Parus major"]}
DARKTABLE = """<?xml version="1.0" encoding="UTF-8"?>
<!-- kept -->
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="uuid:1"
    xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:darktable="http://darktable.sf.net/"
   darktable:history_end="7" darktable:note="a&#10;b">
   <dc:subject>
    <rdf:Seq>
     <rdf:li>Grüße</rdf:li>
     <rdf:li>Parus major</rdf:li>
    </rdf:Seq>
   </dc:subject>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""


def read(raw: bytes) -> dict[str, list[str]]:
    """The keywords, by another parser."""
    tree = ElementTree.fromstring(raw)
    found = {}
    for name in (SUBJECT, HIERARCHICAL):
        uri, _, local = name.partition(" ")
        (prop,) = tree.iter(f"{{{uri}}}{local}")
        found[name] = [one.text for one in prop.iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li")]
    return found


def test_a_new_sidecar() -> None:
    raw = make_sidecar(WORDS)
    assert read(raw) == WORDS and add_keywords(raw, WORDS) == raw
    assert raw.startswith(b"<?xpacket begin=") and raw.rstrip().endswith(b'<?xpacket end="w"?>')


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_an_existing_one_keeps_every_other_byte(mark: bytes) -> None:
    before = mark + DARKTABLE.encode()
    after = add_keywords(before, WORDS)
    assert read(after) == {SUBJECT: ["Grüße", "Parus major", "tit & <co>"], HIERARCHICAL: WORDS[HIERARCHICAL]}
    added = after.replace(b"<rdf:li>tit &amp; &lt;co&gt;</rdf:li>", b"")
    start = added.index(b'<rdf:Description rdf:about="uuid:1" ')
    assert added[:start] + added[added.index(b"</rdf:RDF>") :] == before
    assert add_keywords(after, WORDS) == after


@pytest.mark.parametrize(
    "bag", ["<rdf:Bag/>", "<rdf:Bag />", '<rdf:Bag rdf:ID="a/b"/>', "<rdf:Bag></rdf:Bag>", "<r:Bag xmlns:r='{0}'/>"]
)
def test_empty_lists(bag: str) -> None:
    rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    text = DARKTABLE[: DARKTABLE.index("<rdf:Seq>")] + bag.format(rdf) + DARKTABLE[DARKTABLE.index("</rdf:Seq>") + 10 :]
    assert read(add_keywords(text.encode(), WORDS)) == WORDS


def test_an_empty_rdf() -> None:
    raw = b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>'
    assert read(add_keywords(raw, WORDS)) == WORDS


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'
EXTERNAL = '<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>'
SIMPLE = DARKTABLE.replace(DARKTABLE[DARKTABLE.index("<rdf:Seq>") : DARKTABLE.index("</rdf:Seq>") + 10], "tit")
ATTRIBUTE = (
    SIMPLE.replace("<dc:subject>", "<dc:x>").replace("</dc:subject>", "</dc:x>").replace("darktable:note", "dc:subject")
)


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (BOMB.encode(), "document type"),
        (EXTERNAL.encode(), "document type"),
        (b"<x/>", "no rdf:RDF"),
        (b"", "not well-formed"),
        (DARKTABLE[:300].encode(), "not well-formed"),
        (DARKTABLE.encode("utf-16"), "not in UTF-8"),
        (DARKTABLE.replace("UTF-8", "ISO-8859-1").encode(), "it is in ISO-8859-1"),
        (SIMPLE.encode(), "subject is not a list"),
        (ATTRIBUTE.encode(), "subject is not a list"),
        (b" " * (17 << 20), "more than 16 MiB"),
    ],
    ids=["bomb", "external", "other", "empty", "cut", "utf-16", "latin-1", "simple", "attribute", "large"],
)
def test_what_is_left_as_it_is(raw: bytes, told: str) -> None:
    with pytest.raises(SidecarError, match=told):
        add_keywords(raw, WORDS)


@pytest.mark.parametrize(("naming", "name"), [("full", "a.JPG.xmp"), ("stem", "a.xmp")])
def test_the_command(naming: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.JPG").write_bytes(b"image")
    (tmp_path / "b.JPG").write_bytes(b"image")
    broken = tmp_path / ("b.JPG.xmp" if naming == "full" else "b.xmp")
    broken.write_bytes(b"<broken")
    with CsvReport().open(tmp_path / "n.csv", make_provenance()) as writer:
        writer.write(make_result("a.JPG"))
        writer.write(make_result("b.JPG"))
        writer.write(replace(make_result("c.JPG"), predictions=(), refused="a person"))
    arguments = ["sort", str(tmp_path / "n.csv"), "--write-xmp", "--sidecar", naming, "--root", str(tmp_path)]
    with pytest.raises(SystemExit):
        main(arguments)
    assert not (tmp_path / name).exists()
    for _ in range(2):
        with pytest.raises(SystemExit) as exit:
            main([*arguments, "--apply"])
        assert exit.value.code == 1 and "the sidecar is left as it is: it is not well-formed" in capsys.readouterr().err
        found = read((tmp_path / name).read_bytes())
        assert found == {SUBJECT: ["Parus major", "great tit"], HIERARCHICAL: ["Aves|Paridae|Parus|Parus major"]}
        assert broken.read_bytes() == b"<broken" and (tmp_path / "a.JPG").read_bytes() == b"image"
