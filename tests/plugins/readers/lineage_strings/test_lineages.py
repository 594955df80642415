"""Lineages as one text, in the files of the databases and classifiers that write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.classes.taxonomy_formats import detect_format, read_head
from bioclip_x.errors import TaxonomyError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.taxonomy import Taxonomy
from bioclip_x_plugins.readers.lineage_strings.names import clean_name


def read(path: Path, text: str, format: str | None = None) -> Taxonomy:
    path.write_text(text, "utf-8")
    registry = create_registry()
    if format is None:
        assert detect_format(registry, path, read_head(path)) == "lineages"
    return read_taxonomy(registry, path, format)


def classes(tree: Taxonomy) -> list[str]:
    """ "kingdom Fungi > phylum Ascomycota" of each class."""
    taxa = (tree.class_taxon(c) for c in range(tree.n_classes))
    return [" > ".join(f"{rank} {name}".strip() for rank, name in taxon.lineage) for taxon in taxa]


ABOVE = "kingdom Bacteria > phylum Bacillota > genus Blautia"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "qiime2.tsv",
            "Feature ID\tTaxon\tConfidence\nx\tk__Bacteria;p__Bacillota;g__Blautia;s__Blautia_wexlerae\t0.9\n",
        ),
        ("spaced.tsv", "Feature ID\tTaxon\nx\tk__Bacteria; p__Bacillota; g__Blautia; s__wexlerae\n"),
        (
            "biom.tsv",
            "# Constructed from biom file\n#OTU ID\tA\tB\ttaxonomy\n"
            "1\t0.0\t3.0\tk__Bacteria;p__Bacillota;g__Blautia;s__wexlerae\n",
        ),
        ("alone.txt", "k__Bacteria;p__Bacillota;g__Blautia;s__Blautia wexlerae;\n"),
        ("commas.txt", "k__Bacteria,p__Bacillota,g__Blautia,s__Blautia_wexlerae\n"),
        ("quoted.csv", 'otu,lineage\n1,"k__Bacteria, p__Bacillota, g__Blautia, s__Blautia_wexlerae"\n'),
        (
            "metaphlan.tsv",
            "#mpa_v30_CHOCOPhlAn_201901\n#clade_name\tNCBI_tax_id\trelative_abundance\tadditional_species\n"
            "UNKNOWN\t-1\t3.1\t\nk__Bacteria\t2\t96.9\t\nk__Bacteria|p__Bacillota\t2|1239\t96.9\t\n"
            "k__Bacteria|p__Bacillota|g__Blautia\t2|1239|572511\t96.9\t\n"
            "k__Bacteria|p__Bacillota|g__Blautia|s__Blautia_wexlerae\t2|1239|572511|418240\t96.9\t\n",
        ),
        ("sintax.fasta", ">AB1;tax=k:Bacteria,p:Bacillota,g:Blautia,s:Blautia_wexlerae;\nACGT\n"),
        ("mothur.taxonomy", "AB1\tk__Bacteria(100);p__Bacillota(99);g__Blautia(98);s__Blautia_wexlerae(80);\n"),
        (
            "unite.fasta",
            ">Blautia_wexlerae|AB1|SH1.08FU|refs|k__Bacteria;p__Bacillota;g__Blautia;s__Blautia_wexlerae\nACGT\n",
        ),
    ],
)
def test_the_same_lineage_in_every_file(tmp_path: Path, name: str, text: str) -> None:
    assert classes(read(tmp_path / name, text)) == [f"{ABOVE} > species Blautia wexlerae"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "silva.fasta",
            ">AB1.1.1400 Bacteria;Bacillota;Clostridia;Lachnospirales;Lachnospiraceae;Blautia;Blautia wexlerae\nACGU\n",
        ),
        ("dada2.fa", ">Bacteria;Bacillota;Clostridia;Lachnospirales;Lachnospiraceae;Blautia;Blautia wexlerae;\nACGT\n"),
        (
            "taxmap_slv.txt",
            "primaryAccession\tstart\tstop\tpath\torganism_name\ttaxid\n"
            "AB1\t1\t1400\tBacteria;Bacillota;Clostridia;Lachnospirales;Lachnospiraceae;Blautia;\tBlautia wexlerae\t1860\n",
        ),
        (
            "otu.cons.taxonomy",
            'OTU\tSize\tTaxonomy\nOtu1\t9\tBacteria(100);"Bacillota"(100);Clostridia(99);Lachnospirales(99);'
            "Lachnospiraceae(98);Blautia(97);Blautia_wexlerae(60);\n",
        ),
        (
            "silva132.tsv",
            "AB1\tD_0__Bacteria;D_1__Bacillota;D_2__Clostridia;D_3__Lachnospirales;D_4__Lachnospiraceae;D_5__Blautia;"
            "D_6__Blautia wexlerae\n",
        ),
    ],
)
def test_ranks_by_position(tmp_path: Path, name: str, text: str) -> None:
    tree = read(tmp_path / name, text)
    assert classes(tree) == [
        "domain Bacteria > phylum Bacillota > class Clostridia > order Lachnospirales > family Lachnospiraceae > "
        "genus Blautia > species Blautia wexlerae"
    ]
    assert [problem.kind for problem in tree.problems] == ([] if "D_0__" in text else ["ranks"])


def test_silvas_table_of_taxa_has_ranks(tmp_path: Path) -> None:
    text = "Archaea;\t2\tdomain\t\t\nArchaea;Aenigmarchaeota;\t11084\tphylum\t\t123\nArchaea;Aenigmarchaeota;AB;\t9\tclass\t\t\n"
    tree = read(tmp_path / "tax_slv_ssu.txt", text)
    assert classes(tree)[-1] == "domain Archaea > phylum Aenigmarchaeota > class AB"
    assert tree.class_taxon(tree.n_classes - 1).ids == {"silva": "9"} and not tree.problems


def test_lineages_that_are_too_deep_get_no_ranks(tmp_path: Path) -> None:
    deep = ";".join(["Eukaryota", *"ABCDEFGH"])
    tree = read(tmp_path / "a.taxonomy", f"1\t{deep};\n2\tBacteria;Bacillota;\n")
    assert classes(tree) == [" > ".join(["Eukaryota", *"ABCDEFGH"]), "domain Bacteria > phylum Bacillota"]
    assert "except those of Eukaryota" in tree.notes[0]
    ranks = "domain/supergroup/division/subdivision/class/order/family/genus/species"
    named = read(tmp_path / "a.taxonomy", f"1\t{deep};\n", f"lineages:ranks={ranks}")
    assert classes(named)[0].startswith("domain Eukaryota > supergroup A") and not named.problems


def test_unknown_taxa_are_missing_ranks(tmp_path: Path) -> None:
    rows = [
        "k__Fungi;p__Ascomycota;c__unidentified;o__unidentified",
        "k__Fungi;p__Basidiomycota;c__unidentified;o__unidentified",
        "k__Fungi;p__Ascomycota;c__Sordariomycetes_cls_Incertae_sedis;o__;f__;g__Aus;s__Aus_sp.",
        "k__Fungi;p__Mucoromycota;c__;o__;f__;g__;s__Mucoromycota_sp",
        "k__Fungi;p__Ascomycota;g__Aus;s__Aus sp. CBS 12",
        "k__Bacteria;__;__;__",
        "k__Bacteria;Other;Other",
    ]
    tree = read(tmp_path / "a.txt", "\n".join(rows))
    assert sorted(classes(tree)) == [
        "kingdom Bacteria",
        "kingdom Fungi > phylum Ascomycota",
        "kingdom Fungi > phylum Ascomycota > genus Aus",
        "kingdom Fungi > phylum Ascomycota > genus Aus > species Aus sp. CBS 12",
        "kingdom Fungi > phylum Basidiomycota",
        "kingdom Fungi > phylum Mucoromycota",
    ]


@pytest.mark.parametrize(
    ("name", "rank", "cleaned"),
    [
        ("Firmicutes_A", "phylum", "Firmicutes_A"),
        ("Prevotella_9", "genus", "Prevotella_9"),
        ("Clostridium_sensu_stricto_1", "genus", "Clostridium sensu stricto 1"),
        ("Blautia_SGB4815", "species", "Blautia SGB4815"),
        ("Pseudomonas_E putida_A", "species", "Pseudomonas_E putida_A"),
        ("uncultured_Lachnospiraceae_bacterium", "species", ""),
        ("Lachnospiraceae_unclassified", "genus", ""),
        ("Ambiguous_taxa", "genus", ""),
        ("gut_metagenome", "species", ""),
        ("Unknown_Family", "family", ""),
        ("Viruses_noname", "phylum", ""),
        ("Unknownia", "genus", "Unknownia"),
        ("Bacterium", "genus", ""),
        ("Bacteriovorax", "genus", "Bacteriovorax"),
    ],
)
def test_names(name: str, rank: str, cleaned: str) -> None:
    assert clean_name(name, rank) == cleaned


def test_a_row_that_names_no_taxon_is_left_out_with_a_warning(tmp_path: Path) -> None:
    tree = read(tmp_path / "a.tsv", "Feature ID\tTaxon\na\tk__Fungi;p__Ascomycota\nb\tUnassigned\nc\tunknown(100);\n")
    assert classes(tree) == ["kingdom Fungi > phylum Ascomycota"]
    assert [(problem.kind, problem.line) for problem in tree.problems] == [("no taxon", 3), ("no taxon", 4)]


def test_sums_are_no_classes_but_strains_and_their_species_are(tmp_path: Path) -> None:
    rows = [
        "k__Bacteria|g__Aus",
        "k__Bacteria|g__Aus|s__Aus_bus",
        "k__Bacteria|g__Aus|s__Aus_bus|t__SGB1",
        "k__Bacteria|g__Cus",
    ]
    tree = read(tmp_path / "a.tsv", "".join(f"{row}\t1.5\n" for row in ["k__Bacteria", *rows]))
    assert sorted(taxon.split(" > ")[-1] for taxon in classes(tree)) == ["genus Cus", "species Aus bus", "strain SGB1"]


def test_identifiers_and_numbers_of_records_are_kept(tmp_path: Path) -> None:
    tree = read(
        tmp_path / "a.fa",
        ">A|B1|SH7.09FU|refs|k__Fungi;p__P\nA\n>A|B2|SH8.09FU|reps|k__Fungi;p__P\nA\n>x k__Fungi;p__Q;sh__SH9.10FU\nA\n",
    )
    first, second = tree.class_taxon(0), tree.class_taxon(1)
    assert (first.ids, first.extra) == ({"unite": "SH7.09FU"}, {"accession": "A|B1|SH7.09FU|refs", "records": "2"})
    assert second.ids == {"unite": "SH9.10FU"} and second.lineage == (("kingdom", "Fungi"), ("phylum", "Q"))


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("k__Fungi;p__A\nk__Fungi;x__B\n", 2, "expected a prefix of d__, sk__, k__, .* got 'x__B'"),
        ("k__Fungi;p__A\nk__Fungi;f__F;o__O\n", 2, "the order follows the family"),
        (">a|k__Fungi;p__A\nACGT\n>b\nACGT\n", 3, "expected a lineage after the accession, got '>b'"),
        ("a\tk__Fungi;p__A\nb\n", 2, "expected at least 2 columns, got 1"),
    ],
)
def test_errors_name_the_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    with pytest.raises(TaxonomyError, match=rf"line {line}: {message}"):
        read(tmp_path / "a.txt", text)


@pytest.mark.parametrize(
    "text", ["Plantae; Oenanthe\nAnimalia; Oenanthe\n", "Parus major; great tit\nTurdus merula\n", ">x\nACGT\n"]
)
def test_other_lists_are_not_recognised(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.txt").write_text(text)
    registry = create_registry()
    with pytest.raises(TaxonomyError, match="no format that any reader recognises"):
        read_taxonomy(registry, tmp_path / "a.txt")
