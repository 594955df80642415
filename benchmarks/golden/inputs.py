"""The small files that the commands read, written here and the same for both commits."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

LARGE = 60_000
"""Species, which with their genera are more than `bioclip_x.taxonomy.tree.SMALL` nodes."""

SPECIES = """\
kingdom,phylum,class,order,family,genus,species,common_name,common_name_de,gbif_id
Animalia,Chordata,Aves,Passeriformes,Paridae,Cyanistes,Cyanistes caeruleus,Eurasian blue tit,Blaumeise,2487879
Animalia,Chordata,Aves,Passeriformes,Paridae,Cyanistes,Cyanistes cyanus,azure tit,Lasurmeise,
Animalia,Chordata,Aves,Passeriformes,Paridae,Parus,Parus major,great tit,Kohlmeise,9705453
Animalia,Chordata,Aves,Passeriformes,Turdidae,Turdus,Turdus merula,common blackbird|blackbird,Amsel,
Animalia,Chordata,Aves,Passeriformes,Turdidae,Turdus,Turdus philomelos,song thrush,,
Animalia,Chordata,Aves,Coraciiformes,Alcedinidae,Alcedo,Alcedo atthis,common kingfisher,Eisvogel,
Animalia,Arthropoda,Insecta,Lepidoptera,Nymphalidae,Aglais,Aglais io,European peacock,Tagpfauenauge,
Animalia,Arthropoda,Insecta,Lepidoptera,Nymphalidae,Aglais,Aglais urticae,small tortoiseshell,,
Animalia,Arthropoda,Insecta,Lepidoptera,Papilionidae,Papilio,Papilio machaon,Old World swallowtail,,
Animalia,Chordata,,Blenniiformes,Pomacentridae,Amphiprion,Amphiprion ocellaris,,,
Plantae,Tracheophyta,Magnoliopsida,Fagales,Fagaceae,Quercus,,oak,Eiche,
Plantae,Tracheophyta,Magnoliopsida,Fagales,Fagaceae,Quercus,Quercus robur,English oak,Stieleiche,
Fungi,Basidiomycota,Agaricomycetes,Agaricales,Amanitaceae,Amanita,Amanita muscaria,fly agaric,Fliegenpilz,
Fungi,Basidiomycota,Agaricomycetes,Agaricales,Amanitaceae,Amanita,Amanita phalloides,death cap,,
"""
"""A class that is missing a rank, a genus that is a class beside one of its species, and gaps in the common names."""

CHECKLIST = """\
kingdom,class,order,family,genus,species,common_name,synonyms
Animalia,Aves,Passeriformes,Paridae,Parus,Parus caeruleus,blue titmouse,Cyanistes caeruleus
Animalia,Aves,Passeriformes,Paridae,Parus,Parus major,great titmouse,
Animalia,Aves,Passeriformes,Muscicapidae,Turdus,Turdus philomelos,throstle,
Animalia,Insecta,Lepidoptera,Nymphalidae,Nymphalis,Nymphalis io,peacock,Aglais io|Aglais urticae
Animalia,Insecta,Lepidoptera,Papilionidae,Papilio,Papilio machaon,swallowtail,
Animalia,Insecta,Coleoptera,Coccinellidae,Coccinella,Coccinella septempunctata,ladybird,Coccinella quinquepunctata
Animalia,Actinopterygii,Perciformes,Pomacentridae,Amphiprion,Amphiprion ocellaris,clownfish,
Fungi,Agaricomycetes,Agaricales,Pluteaceae,Amanita,Amanita muscaria,fly agaric,
"""
"""Another list: a genus lumped, a family moved, two species merged, and much that is not there."""

PARK = """\
# seen in the park
Cyanistes caeruleus
Parus major
Turdus philomelos
European peacock
Papaver
Amanita phalloides
Coccinella septempunctata
Nobody knowsthis
"""

DESCRIPTORS = """\
format: bioclip-x/descriptors/1
style: has
classes:
  Paridae: [a short bill, a small round body]
  Aves:
    descriptor: [feathers, two wings]
    background: [in the air]
  Cyanistes caeruleus:
    descriptor: [a blue cap, a yellow breast, a black line through the eye]
    background: [on a twig in a hedge]
  great tit: [a black cap, a black stripe down the middle of the breast, a yellow breast]
  Turdus merula: [black plumage, a yellow bill]
  Turdus philomelos: [a spotted breast, a brown back]
  Alcedo atthis:
    descriptor: [a blue back, an orange breast, a long bill]
    background: [beside water, on a branch]
  Aglais: [ragged wings]
  Aglais io: [a large eyespot on each wing, rusty red wings]
  Papilio machaon: [yellow wings with black veins, a tail on each hindwing]
  fly agaric:
    descriptor: [a red cap, white spots on the cap, a white stem]
    background: [on a forest floor]
  Amanita phalloides: [a greenish cap, a white stem, a bag around the foot of the stem]
"""

TO_CHECK = """\
format: bioclip-x/descriptors/1
style: has
classes:
  Cyanistes caeruleus: [Blue Cap., a blue cap, a yellow breast, it sings at dawn, "", unknown]
  great tit: [a black cap, unlike the Eurasian blue tit it has a black cap, great tit, a black stripe]
  fly agaric: ["a red cap; white spots", 1. a white stem, N/A]
  Turdus merula: []
"""

PROMPT = """\
name: own
source: me, 2025
temperature: 0.3
max_tokens: 200
lists:
- kind: descriptor
  text: |-
    List visual features of a {name} ({scientific_name}, a {rank}; {lineage}) in a photo, one a line, each after a "-".
  contrast: |-
    List visual features of a {name} that these lack: {siblings}. One a line, each after a "-".
- kind: background
  text: |-
    Where is a {name} seen? One place a line, each after a "-".
"""

RECIPE = """\
taxonomy: species.csv
descriptors: descriptors.yaml
text:
- {name: descriptors, options: {inherit: 0.3, kinds: all}}
- common
pooling: ensemble
head: {name: hedge, options: {threshold: 0.7}}
adjust: [{name: species-list, options: {file: park.txt, mode: prior, strength: 1.5}}]
why_not: Turdus merula
k: 3
"""

BINS = "label,bin\nfly agaric,mushroom\ndeath cap,mushroom\nblue tit,bird\ncommon kingfisher,bird\npeacock,butterfly\n"

TREE = """\
((((Parus_major:2.1,'Parus minor':2.1)Parus:9.8,Cyanistes_caeruleus:11.9)98:1,
(Turdus_merula:3,Turdus_philomelos:3)Turdus:6)Passeriformes:20,
Alcedo_atthis:40,((Aglais_io,Aglais_urticae)0.9/87,Papilio_machaon)Lepidoptera);
"""

PINES = """\
# conifers
Pinales [order]
  Pinaceae Spreng. [family]
    Abies [genus]
      Abies alba Mill. [species] {ID=1234 VERN=de:Weißtanne,fra:Sapin blanc,de:Tanne}  # a comment
        =Pinus picea L. [species]
          ≡$Abies picea (L.) Bluff & Fingerh. [species]
        Abies alba subsp. nebrodensis [subspecies]
      †Abies chaneyi Mason [species]
    ?Larix Mill.
"""

NODES = """\
- rank: family
  name: Paridae
  common_names: {en: [tits, chickadees], de: Meisen}
  children:
  - {rank: species, name: Parus major, authorship: "Linnaeus, 1758", common_names: {en: great tit}, ids: {gbif: "9705453"}}
  - rank: genus
    name: Cyanistes
    is_class: true
    children: [{rank: species, name: Cyanistes caeruleus, synonyms: [Parus caeruleus], extra: {status: common}}]
- rank: genus
  name: Oenanthe
  children: [{rank: species, name: Oenanthe oenanthe}]
- rank: genus
  name: Oenanthe
  children: [{rank: species, name: Oenanthe aquatica}, {rank: species, name: Oenanthe crocata}]
"""

TAXA = """\
taxonID\tparentNameUsageID\tacceptedNameUsageID\tscientificName\ttaxonRank\ttaxonomicStatus
1\t\t\tAnimalia\tkingdom\taccepted
2\t1\t\tParidae Vigors, 1825\tfamily\taccepted
3\t2\t\tParus Linnaeus, 1758\tgenus\taccepted
4\t3\t\tParus major Linnaeus, 1758\tspecies\taccepted
5\t4\t\tParus major newtoni Pražák, 1894\tsubsp.\taccepted
6\t\t4\tParus robustus Brehm\tspecies\tsynonym
7\t\t6\tParus obscurus\tspecies\tsynonym
8\t\t\tParus nobody\tspecies\tsynonym
9\t2\t\tCyanistes caeruleus (Linnaeus, 1758)\tspecies\taccepted
"""
VERNACULAR = "taxonID\tvernacularName\tlanguage\n4\tgreat tit\ten\n4\tKohlmeise\tde\n9\tmésange bleue\tfr\n"
TERMS = "http://rs.tdwg.org/dwc/terms/"
TABLE = 'encoding="UTF-8" fieldsTerminatedBy="\\t" linesTerminatedBy="\\n" fieldsEnclosedBy="" ignoreHeaderLines="1" rowType='


FIELDS = "".join(
    f'<field index="{index}" term="{TERMS}{name}"/>' for index, name in enumerate(TAXA.partition("\n")[0].split("\t"))
)
META = f"""\
<?xml version="1.0"?><archive xmlns="http://rs.tdwg.org/dwc/text/">
<core {TABLE}"{TERMS}Taxon"><files><location>taxa.txt</location></files><id index="0"/>{FIELDS}</core>
<extension {TABLE}"http://rs.gbif.org/terms/1.0/VernacularName"><files><location>names.txt</location></files>
<coreid index="0"/><field index="1" term="{TERMS}vernacularName"/>
<field index="2" term="http://purl.org/dc/terms/language"/></extension>
</archive>
"""

EDGES = "# by hand\nbird duck\nduck teal\nduck mallard\nbird gull\ngull herring_gull\n"
SEVERAL_PARENTS = "parent,child\nanimal,bird\nbird,duck\nswimmer,duck\nanimal,swimmer\nduck,teal\nswimmer,seal\n"
ABOVE = "d__Bacteria;p__Pseudomonadota;c__Gammaproteobacteria"
GTDB = f"""\
GB_GCA_1\t{ABOVE};o__Pseudomonadales;f__Moraxellaceae;g__Acinetobacter;s__Acinetobacter baumannii
GB_GCA_2\t{ABOVE};o__Pseudomonadales;f__Moraxellaceae;g__Acinetobacter;s__Acinetobacter baumannii
GB_GCA_3\t{ABOVE};o__Pseudomonadales;f__Moraxellaceae;g__Moraxella;s__Moraxella bovis
RS_GCF_4\t{ABOVE};o__Enterobacterales;f__Enterobacteriaceae;g__Escherichia;s__Escherichia coli
RS_GCF_5\t{ABOVE};o__Enterobacterales;f__;g__;s__
"""
EBIRD = """\
TAXON_ORDER,CATEGORY,SPECIES_CODE,PRIMARY_COM_NAME,SCI_NAME,ORDER,FAMILY,SPECIES_GROUP,REPORT_AS
2,species,ostric2,Common Ostrich,Struthio camelus,Struthioniformes,Struthionidae (Ostriches),Ostriches,
9,spuh,ostric1,ostrich sp.,Struthio sp.,Struthioniformes,Struthionidae (Ostriches),,
30,species,grerhe1,Greater Rhea,Rhea americana,Rheiformes,Rheidae (Rheas),Rheas,
"""
CATEGORIES = """\
{"categories": [
{"id": 42, "name": "Pica hudsonia", "common_name": "Black-billed Magpie", "supercategory": "Birds", "kingdom": "Animalia",
 "phylum": "Chordata", "class": "Aves", "order": "Passeriformes", "family": "Corvidae", "genus": "Pica",
 "specific_epithet": "hudsonia", "image_dir_name": "00042_x"},
{"id": 43, "name": "Pica pica", "common_name": "", "supercategory": "Birds", "kingdom": "Animalia", "phylum": "Chordata",
 "class": "Aves", "order": "Passeriformes", "family": "Corvidae", "genus": "Pica", "specific_epithet": "pica",
 "image_dir_name": "00043_x"}]}
"""
DUMP_NODES = """\
1\t|\t1\t|\tno rank\t|
2\t|\t1\t|\tsuperkingdom\t|
9\t|\t2\t|\tgenus\t|
10\t|\t9\t|\tspecies\t|
11\t|\t9\t|\tspecies\t|
12\t|\t10\t|\tstrain\t|
"""
DUMP_NAMES = """\
1\t|\troot\t|\t\t|\tscientific name\t|
2\t|\tEukaryota\t|\t\t|\tscientific name\t|
9\t|\tParus\t|\t\t|\tscientific name\t|
10\t|\tParus major\t|\t\t|\tscientific name\t|
10\t|\tgreat tit\t|\t\t|\tgenbank common name\t|
10\t|\tParus major Linnaeus, 1758\t|\t\t|\tauthority\t|
11\t|\tParus minor\t|\t\t|\tscientific name\t|
11\t|\tParus nipalensis\t|\t\t|\tsynonym\t|
12\t|\tParus major X1\t|\t\t|\tscientific name\t|
"""
ODDITIES = """\
kingdom,family,genus,species,common_name
Animalia,Paridae,Parus,Parus major,great tit
Animalia,Paridae,Parus,Parus major,great tit
Animalia,Paridae,Parus,Cyanistes caeruleus,blue tit
Animalia,Muscicapidae,Oenanthe,Oenanthe oenanthe,
Animalia,Apiaceae,Oenanthe,"Oenanthe aquatica (L.) Poir., 1798",
Plantae,,Quercus,,oak
Plantae,,Quercus,quercus robur,DuprÃ© oak
"""
ERRORS = "kingdom,family,species\nAnimalia,Paridae,Parus major\nAnimalia,Paridae,Parus minor,too,many\n,,\nPlantae,,\n"

FILES = {
    "species.csv": SPECIES, "checklist.csv": CHECKLIST, "park.txt": PARK, "descriptors.yaml": DESCRIPTORS,
    "to-check.yaml": TO_CHECK, "prompt.yaml": PROMPT, "recipe.yaml": RECIPE, "bins.csv": BINS,
    "labels.txt": "fly agaric\ndeath cap\nblue tit\nkingfisher\npeacock butterfly\n", "tree.nwk": TREE,
    "pines.txtree": PINES, "nodes.yaml": NODES, "dwca/taxa.txt": TAXA, "dwca/names.txt": VERNACULAR, "dwca/meta.xml": META,
    "taxa.tsv": TAXA, "edges.txt": EDGES, "several-parents.txt": SEVERAL_PARENTS, "gtdb.tsv": GTDB, "ebird.csv": EBIRD,
    "categories.json": CATEGORIES, "oddities.csv": ODDITIES, "errors.csv": ERRORS,
    "broken.png": "this is no picture",
    "taxdump/nodes.dmp": DUMP_NODES, "taxdump/names.dmp": DUMP_NAMES,
}  # fmt: skip


def write_inputs(folder: Path, drawings: Sequence[str]) -> None:
    """Below `folder`, which is the commands' current folder: inputs/, and tables of the pictures in drawings/."""
    for name, text in FILES.items():
        path = folder / "inputs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    _noise().save(folder / "inputs" / "noise.png")
    _write_scores(folder / "inputs", drawings)
    _write_large(folder / "inputs")
    labels = {name: name.removesuffix(".png").replace("-", " ").capitalize() for name in drawings}
    rows = [f"../drawings/{name},{label}" for name, label in labels.items()]
    (folder / "inputs" / "labels.csv").write_text("\n".join(["path,label", *rows, ""]), "utf-8")


def _noise() -> Image.Image:
    """A picture that the field guide refuses to name."""
    return Image.frombytes("RGB", (96, 64), random.Random(1).randbytes(96 * 64 * 3))


def _write_scores(folder: Path, drawings: Sequence[str]) -> None:
    """Probabilities and logits of another classifier, a row a picture."""
    drawn = random.Random(0)
    classes = ["Cyanistes caeruleus", "great tit", "Turdus merula", "Alcedo atthis", "Aglais io", "Aglais urticae",
               "Quercus robur", "Amanita muscaria", "Amanita phalloides", "Homo sapiens"]  # fmt: skip
    header = ",".join(["file_name", *classes])
    logits = {name: [round(drawn.gauss(0, 3), 4) for _ in classes] for name in drawings}
    weights = {name: [drawn.random() ** 4 for _ in classes] for name in drawings}
    probabilities = {name: [round(one / sum(row), 6) for one in row] for name, row in weights.items()}
    for kind, table in {"logits": logits, "probabilities": probabilities}.items():
        rows = [",".join([name, *map(str, row)]) for name, row in table.items()]
        (folder / f"{kind}.csv").write_text("\n".join([header, *rows, ""]), "utf-8")


def _write_large(folder: Path) -> None:
    """A list of so many species that a head does not hold the shares of all, and another classifier's logits of them."""
    rows = []
    for number in range(LARGE):
        genus = int(number**0.8)  # clades of very different sizes
        rows.append(f"Order{genus % 7},Family{genus // 40},Genus{genus},Genus{genus} species{number}")
    (folder / "large.csv").write_text("\n".join(["order,family,genus,species", *rows, ""]), "utf-8")
    images = [f"{name}.jpg" for name in "abc"]
    scores = np.random.default_rng(0).normal(0, 3, (len(images), LARGE)).astype(np.float32)
    names = [row.rpartition(",")[2] for row in rows]
    np.savez(folder / "large.npz", images=np.array(images), classes=np.array(names), scores=scores)
