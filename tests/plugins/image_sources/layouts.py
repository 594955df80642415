"""Tiny hand-made copies of published sources of images, file by file as their archives unpack."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bioclip_x.hooks.components import ImageSource

PIXEL = b"not decoded by sources"
WORM = "00000_Animalia_Annelida_Clitellata_Haplotaxida_Lumbricidae_Lumbricus_terrestris"
MAGPIE = "04042_Animalia_Chordata_Aves_Passeriformes_Corvidae_Pica_hudsonia"


def read(source: ImageSource) -> list[dict[str, Any]]:
    """Returns all rows of a source."""
    return [row for table in source.tables() for row in table.to_pylist()]


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Writes files below a folder."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def write_tar(path: Path, members: Sequence[tuple[str, str | bytes]], mode: Any = "w") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as archive:
        for name, content in members:
            raw = content if isinstance(content, bytes) else content.encode()
            member = tarfile.TarInfo(name)
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
    return path


def lay_manifest(root: Path) -> Path:
    """Three rows that can be used, one without a file, and one file without a row."""
    table = (
        "file,scientific name,genus,species,Rights Holder,License\n"
        "a.jpg,Pica hudsonia,Pica,hudsonia,Jane Doe,cc-by\n"
        "sub/b.jpg,,Parus,Parus major,,\n"
        "gone.jpg,Pica pica,,,,\n"
        "https://example.org/c.jpg,Turdus merula,,,,CC0\n"
    )
    return write(
        root, {"images.csv": table, "photos/a.jpg": PIXEL, "photos/sub/b.jpg": PIXEL, "photos/extra.png": PIXEL}
    )


def lay_folder(root: Path) -> Path:
    return write(root, {"Parus_major/1.jpg": PIXEL, "Parus_major/old/2.jpg": PIXEL, "great tit/3.png": PIXEL})


def lay_inat21(root: Path, annotations: bool = True) -> Path:
    """Two images of a magpie, one of a worm; with JSON, one that is missing and one that it does not list."""
    names = [f"train/{MAGPIE}/aa.jpg", f"train/{MAGPIE}/bb.jpg", f"train/{WORM}/cc.jpg"]
    write(root, dict.fromkeys(names, PIXEL))
    if annotations:
        ranks = ("kingdom", "phylum", "class", "order", "family", "genus", "specific_epithet")
        categories = [
            {"id": number, "common_name": common, "image_dir_name": name, **dict(zip(ranks, name.split("_")[1:]))}
            for number, name, common in ((0, WORM, "Common Earthworm"), (4042, MAGPIE, "Black-billed Magpie"))
        ]
        files = [names[0], names[2], f"train/{WORM}/gone.jpg"]
        document = {
            "info": {"year": 2021},
            "images": [
                {
                    "id": 10 + i,
                    "file_name": file,
                    "license": i % 2,
                    "rights_holder": f"owner {i}",
                    "width": 8,
                    "height": 8,
                }
                for i, file in enumerate(files)
            ],
            "categories": categories,
            "annotations": [
                {"id": i, "image_id": 10 + i, "category_id": category} for i, category in enumerate((4042, 0, 0))
            ],
            "licenses": [
                {"id": 0, "name": "Attribution License", "url": "http://creativecommons.org/licenses/by/4.0/"},
                {"id": 1, "name": "Public Domain", "url": ""},
            ],
        }
        write(root, {"train.json": json.dumps(document)})
    return root


def lay_bioscan_1m(root: Path) -> Path:
    header = (
        "sampleid\tprocessid\turi\tname\tphylum\tclass\torder\tfamily\tsubfamily\ttribe\tgenus\t"
        "species\tsubspecies\tnucraw\timage_file\tlarge_insect_order\tchunk_number\tcopyright_license\tcopyright_holder\n"
    )
    no = "not_classified"
    rows = [
        f"s1\tBIOUG1\tBOLD:AAA1\tPericoma\tArthropoda\tInsecta\tDiptera\tPsychodidae\tPsychodinae\t"
        f"{no}\tPericoma\t{no}\t{no}\tACGT\t4900531.jpg\ttrain\t1\tCreativeCommons - Attribution\tA museum\n",
        f"s2\tBIOUG2\tBOLD:AAA2\tChironomidae\tArthropoda\tInsecta\tDiptera\tChironomidae\t{no}\t"
        f"{no}\t{no}\t{no}\t{no}\tACGT\t4900532.jpg\ttest\t2\t\t{no}\n",
        f"s3\tBIOUG3\tBOLD:AAA3\tAgathis\tArthropoda\tInsecta\tHymenoptera\tBraconidae\t"
        f"Agathidinae\tAgathidini\tAgathis\tAgathis pumila\t{no}\tACGT\t4900533.jpg\ttest\t2\t\t\n",
    ]
    images = {f"images/cropped_256/{name}.jpg": PIXEL for name in ("part1/4900531", "part2/4900532", "part2/9999999")}
    return write(root, {"BIOSCAN_1M_Insect_Dataset_metadata.tsv": header + "".join(rows), **images})


def lay_bioscan_5m(root: Path) -> Path:
    header = (
        "processid,sampleid,taxon,phylum,class,order,family,subfamily,genus,species,dna_bin,"
        "dna_barcode,country,split,index_bioscan_1M_insect,chunk\n"
    )
    rows = [
        "AACTA100,BIOUG1,Psychodidae,Arthropoda,Insecta,Diptera,Psychodidae,,,,BOLD:AAA1,ACGT,Canada,pretrain,1,a3\n",
        "AACTA200,BIOUG2,Agathis pumila,Arthropoda,Insecta,Hymenoptera,Braconidae,Agathidinae,"
        "Agathis,Agathis pumila,BOLD:AAA2,ACGT,Canada,val,,\n",
    ]
    images = {"images/cropped_256/pretrain/a3/AACTA100.jpg": PIXEL, "images/cropped_256/val/AACTA200.jpg": PIXEL}
    return write(root, {"metadata/csv/BIOSCAN_5M_Insect_Dataset_metadata.csv": header + "".join(rows), **images})


TAXON_TAB = (
    "taxonID\tsource\tacceptedNameUsageID\tparentNameUsageID\tscientificName\ttaxonRank\t"
    "taxonomicStatus\tcanonicalName\teolID\n"
    "EOL-1\t\t\t\tLife\tclade\taccepted\tLife\t2913056\n"
    "EOL-2\t\t\tEOL-1\tMetazoa\tkingdom\taccepted\tMetazoa\t1\n"
    "EOL-3\t\t\tEOL-2\tMollusca\tphylum\taccepted\tMollusca\t2195\n"
    "EOL-4\t\t\tEOL-3\tUnionidae\tfamily\taccepted\tUnionidae\t7406\n"
    'EOL-5\t\t\tEOL-4\tCyclonaias "Pilsbry\tgenus\taccepted\tCyclonaias\t44905\n'
    "EOL-6\t\t\tEOL-5\tCyclonaias tuberculata (Raf.)\tspecies\taccepted\tCyclonaias tuberculata\t449393\n"
    "EOL-7\t\tEOL-6\t\tUnio tuberculatus\tspecies\tnot accepted\tUnio tuberculatus\t\n"
)
PROVIDER_IDS = (
    "node_id,resource_pk,resource_id,page_id,preferred_canonical_for_page\n"
    "1,EOL-6,724,449393,Cyclonaias tuberculata\n2,77,767,900,Parus major\n3,78,767,900,Parus maior\n4,79,767,901,\n"
)
MEDIA_HEADER = "EOL content ID,EOL page ID,Medium Source URL,EOL Full-Size Copy URL,License Name,Copyright Owner\n"
MEDIA_1 = MEDIA_HEADER + (
    '12853737,449393,https://source/1.jpg,https://content.eol.org/1.jpg,cc-by-nc-3.0,"Doe, Jane"\n'
    "21411803,449393,https://source/2.jpg,https://content.eol.org/2.jpg,cc-by-4.0,Jim\n"
)
MEDIA_2 = (
    "30,900,https://source/3.jpg,https://content.eol.org/3.jpg,cc0,\n31,901,,https://content.eol.org/4.jpg,cc-by,Ann\n"
)


def lay_eol(root: Path) -> Path:
    """Four images of three pages: one in a folder, one in a tar file, one in a compressed one; the fourth is missing."""
    write(root, {
        "manifest/media_manifest_1.csv": MEDIA_1, "manifest/media_manifest_2.csv": MEDIA_2, "taxon.tab": TAXON_TAB,
        "provider_ids.csv": PROVIDER_IDS, "images/set/12853737_449393_eol-full-size-copy.jpg": PIXEL,
        "images/99_1_eol-full-size-copy.jpg": PIXEL, "images/holiday.jpg": PIXEL,
    })  # fmt: skip
    write_tar(root / "images/a.tar", [("x/21411803_449393_eol-full-size-copy.jpg", PIXEL)])
    write_tar(root / "images/b.tar.gz", [("30_900_eol-full-size-copy.jpg", PIXEL)], "w:gz")
    return root


OCCURRENCE = (
    "gbifID\tlicense\trightsHolder\tscientificName\ttaxonRank\tkingdom\tphylum\tclass\torder\t"
    "family\tgenus\tspecies\tvernacularName\treferences\n"
    "1\tCC_BY_4_0\tMuseum\tPica hudsonia (Sabine, 1822)\tSPECIES\tAnimalia\tChordata\tAves\t"
    "Passeriformes\tCorvidae\tPica\tPica hudsonia\tMagpie\thttps://o/1\n"
    "2\tCC_BY_4_0\tMuseum\tParus L.\tGENUS\tAnimalia\tChordata\tAves\tPasseriformes\tParidae\tParus\t\t\thttps://o/2\n"
    "3\tCC_BY_4_0\tMuseum\tTurdus\tGENUS\tAnimalia\tChordata\tAves\tPasseriformes\tTurdidae\tTurdus\t\t\t\n"
)
MULTIMEDIA = (
    "gbifID\ttype\tformat\tidentifier\treferences\ttitle\tlicense\tcreator\trightsHolder\n"
    '1\tStillImage\timage/jpeg\thttps://i/1.jpg\thttps://page/1\tbird "one\thttp://creativecommons.org/licenses/by/4.0/\tJane\tJim\n'
    "1\tSound\taudio/mpeg\thttps://i/1.mp3\t\t\t\t\t\n"
    "2\t\timage/png\thttps://i/2.png\t\t\t\tAnn\t\n"
    "9\tStillImage\t\thttps://i/9.jpg\t\t\t\t\t\n"
    "2\tStillImage\timage/jpeg\t\t\t\t\t\t\n"
)


def lay_gbif(root: Path) -> Path:
    """A download of GBIF without meta.xml, as a folder."""
    return write(root, {"occurrence.txt": OCCURRENCE, "multimedia.txt": MULTIMEDIA})


def make_meta(core: str, extension: str, row_type: str) -> str:
    return f"""<archive xmlns="http://rs.tdwg.org/dwc/text/">
      <core encoding="UTF-8" fieldsTerminatedBy="\\t" linesTerminatedBy="\\n" fieldsEnclosedBy="" ignoreHeaderLines="1"
            rowType="http://rs.tdwg.org/dwc/terms/Occurrence">
        <files><location>occurrence.txt</location></files><id index="0"/>{core}</core>
      <extension encoding="UTF-8" fieldsTerminatedBy="," linesTerminatedBy="\\n" fieldsEnclosedBy='"' ignoreHeaderLines="1"
            rowType="{row_type}">
        <files><location>media.csv</location></files><coreid index="1"/>{extension}</extension>
    </archive>"""


def lay_audubon(root: Path) -> Path:
    """A zip archive with an extension of Audubon Core, its terms given by meta.xml alone."""
    core = '<field index="2" term="http://rs.tdwg.org/dwc/terms/scientificName"/>'
    core += '<field term="http://rs.tdwg.org/dwc/terms/kingdom" default="Plantae"/>'
    terms = (
        (0, "http://rs.tdwg.org/ac/terms/accessURI"), (2, "http://ns.adobe.com/xap/1.0/rights/UsageTerms"),
        (3, "http://ns.adobe.com/xap/1.0/rights/Owner"), (4, "http://purl.org/dc/elements/1.1/type"),
    )  # fmt: skip
    extension = "".join(f'<field index="{index}" term="{term}"/>' for index, term in terms)
    files = {
        "meta.xml": make_meta(core, extension, "http://rs.tdwg.org/ac/terms/Multimedia"),
        "occurrence.txt": "a\tb\tc\tnot described\nX1\t-\tQuercus robur L.\t7\n",
        "media.csv": 'u,c,r,o,t\nhttps://i/oak.jpg,X1,"CC BY, 4.0","Herbarium, Berlin",StillImage\n',
    }
    path = root / "archive.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


ID_1, ID_2, ID_3 = (f"0000000{n}-0000-4000-8000-000000000000" for n in (1, 2, 3))


def list_members(key: str = ID_1) -> list[tuple[str, str | bytes]]:
    """Lists the members that BioCLIP writes for a sample (scripts/evobio10m/make_wds.py)."""
    lineage = "Animalia Chordata Aves Passeriformes Corvidae Pica hudsonia"
    tags = "kingdom Animalia phylum Chordata class Aves order Passeriformes family Corvidae genus Pica species hudsonia"
    return [
        (f"{key}.com.txt", "a photo of black-billed magpie."), (f"{key}.common_name.txt", "black-billed magpie"),
        (f"{key}.jpg", PIXEL), (f"{key}.sci.txt", "a photo of Pica hudsonia."),
        (f"{key}.scientific_name.txt", "Pica hudsonia"), (f"{key}.taxon.txt", f"a photo of {lineage}."),
        (f"{key}.taxonTag.txt", f"a photo of {tags}."), (f"{key}.taxonomic_name.txt", lineage),
    ]  # fmt: skip


def lay_shard(root: Path) -> Path:
    members = [
        *list_members(),
        (f"{ID_2}.jpg", PIXEL), (f"{ID_2}.scientific_name.txt", "Corvidae"), (f"{ID_2}.common_name.txt", "Corvidae"),
        (f"{ID_3}.json", json.dumps({"scientific_name": "Parus major", "family": "Paridae", "license": "CC0", "w": 3})),
        (f"{ID_3}.jpg", PIXEL), ("alone.sci.txt", "a photo of nothing."),
    ]  # fmt: skip
    return write_tar(root / "train/shard-000000.tar", members)


CATALOG = (
    "split,treeoflife_id,eol_content_id,eol_page_id,bioscan_part,bioscan_filename,"
    "inat21_filename,inat21_cls_name,inat21_cls_num,kingdom,phylum,class,order,family,genus,species,common\n"
    f"train_small,{ID_1},12,449393.0,,,,,,Animalia,Chordata,Aves,Passeriformes,Corvidae,Pica,hudsonia,small\n"
    f"train,{ID_1},12,449393.0,,,,,,Animalia,Chordata,Aves,Passeriformes,Corvidae,Pica,hudsonia,Black-billed Magpie\n"
    f"train,{ID_2},,,,,,,,Animalia,Chordata,Aves,Passeriformes,Corvidae,,,crow family\n"
)
LICENCES = (
    "treeoflife_id,eol_content_id,eol_page_id,md5,medium_source_url,eol_full_size_copy_url,"
    "license_name,copyright_owner,license_link,title\n"
    f"{ID_1},12,449393,0,,,cc-by,Jane Doe,https://creativecommons.org/licenses/by/4.0/,t\n"
    f"{ID_2},13,449393,0,,,No known copyright restrictions,not provided,,t\n"
)
