"""The commands that are compared. OUT stands for a folder of each case's own, URL for the language model's server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

HEADS = (
    "flat", "rollup", "rollup:size_prior=family", "top-down", "hedge", "hedge:threshold=0.6", "crm", "crm:over=nodes",
)  # fmt: skip
POOLINGS = ("mean", "ensemble", "max")
OWN = "--taxonomy inputs/species.csv"
DESCRIBED = f"{OWN} --descriptors inputs/descriptors.yaml --text descriptors"
GUIDE = "field-guide:count=60,seed=9"
MORE = "field-guide:count=120,seed=7"
"""As many as `calibrate` needs."""

RANKS_AND_PRECISION = (
    "--rank family --plugin rollup",
    "--rank family --plugin rollup --plugin descriptors",
    "--rank order --head top-down",
    "--rank genus --k 60 --plugin rollup",
    "--k 60",
    "--k 60 --text descriptors",
    "--k 1 --head crm",
    "--head hedge:lambda_=5 --text common",
    "--head hedge:0.99 --text descriptors",
    "--bank-precision fp16",
    "--bank-precision fp16 --text descriptors",
    "--bank-precision fp16 --text descriptors --pooling max --head rollup",
    "--bank-precision fp16 --head top-down",
    "--batch-size 3 --text descriptors",
)
PARTS = (
    "--subset class=Insecta",
    "--subset class=Aves,Insecta --subset family!=Paridae --text descriptors",
    "--subset inputs/park.txt --plugin rollup --text descriptors",
    "--subset Fungi --rank family --plugin rollup",
    *(
        f"--adjust species-list:file=inputs/park.txt,mode={mode} {options}"
        for mode in ("hard", "prior", "prior,strength=0.7")
        for options in ("", "--text descriptors", "--plugin rollup --text descriptors", "--head hedge --text common")
    ),
)
WHY_NOT = (
    "--why-not 'Boletus edulis'",
    "--why-not 'Boletus edulis' --text descriptors",
    "--why-not Paridae --text descriptors",
    "--why-not 'Parus major' --text descriptors --head hedge",
    "--why-not Animalia --plugin rollup --rank family",
    "--why-not 'Turdus merula' --text descriptors --adjust species-list:inputs/park.txt",
    "--no-explain",
)
OTHER_NAMES = (
    "--report-as inputs/checklist.csv",
    "--report-as inputs/checklist.csv --text descriptors --k 60",
    "--report-as inputs/checklist.csv --plugin rollup --rank family",
    "--report-as inputs/checklist.csv --head hedge --text descriptors --why-not 'Parus major'",
)
TEXTS = (
    "--text descriptors --background on",
    "--text descriptors --background only",
    "--text scientific",
    "--text common",
    "--text taxonomic+common:form=bare",
    "--text templates:clip,name=scientific",
    "--text taxonomic --text descriptors",
    "--text descriptors:style=cbd",
    "--text descriptors:style=cbd --head rollup",
    "--plugin waffle",
    "--plugin waffle --plugin rollup",
    "--text shared-random:pairs=4,seed=3",
    "--text swapped",
    "--text swapped:within=family,seed=2 --background on",
    "--text random-words",
    "--text random-words:count=5,seed=3",
    "--text random-words:shared=true --pooling max",
    "--text random-characters:seed=1",
)
OTHER_LISTS = (
    OWN,
    f"{OWN} --plugin rollup",
    f"{OWN} --rank class --plugin rollup",
    f"{OWN} --head top-down",
    f"{OWN} --head crm --text common --language de",
    DESCRIBED,
    f"{DESCRIBED} --head top-down",
    f"{DESCRIBED} --inherit",
    f"{DESCRIBED} --inherit --background on",
    f"{DESCRIBED} --inherit --pooling max",
    f"{DESCRIBED} --inherit --pooling ensemble --head rollup",
    f"{DESCRIBED} --background only --why-not 'great tit'",
    f"{OWN} --descriptors inputs/descriptors.yaml --text descriptors:inherit=0.3,kinds=all --head hedge:0.5",
    "--recipe inputs/recipe.yaml",
    "--taxonomy inputs/tree.nwk --head hedge:0.5 --text scientific",
    "--taxonomy inputs/nodes.yaml",
    "--labels 'fly agaric,blue tit,peacock butterfly,kingfisher'",
    "--labels inputs/labels.txt --text templates:openai-80",
    "--labels 'fly agaric,blue tit' --no-explain --k 1",
    "--bins inputs/bins.csv",
    "--bins inputs/bins.csv --k 60",
)
OTHER_SCORES = tuple(
    f"--scorer external:file=inputs/{kind}.csv,kind={kind} {OWN} {options}"
    for kind in ("probabilities", "logits")
    for options in (
        "", "--plugin rollup", "--head hedge:0.6", "--head crm:nodes", "--adjust species-list:inputs/park.txt",
    )
)  # fmt: skip
TABULAR = ("species.csv", "checklist.csv", "dwca", "gtdb.tsv", "ebird.csv", "categories.json")
"""Taxonomies that fit into a table."""
OTHERS = ("nodes.yaml", "tree.nwk", "pines.txtree", "edges.txt", "taxdump")
ABOUT_TREES = (
    "show inputs/taxa.tsv",
    "show --model field-guide --rank family --under Aves",
    "show inputs/several-parents.txt --dag first",
    "list inputs/taxa.tsv --format jsonl",
    "list inputs/species.csv --language de --format json",
    "list inputs/several-parents.txt --dag all --format json",
    "list inputs/tree.nwk --taxonomy-format newick:tips=species,unnamed=drop --format csv",
    "list inputs/ebird.csv --taxonomy-format ebird:keep=all --format csv",
    "list --model field-guide --format csv --subset class=Aves",
    "validate inputs/oddities.csv --format json",
    "subset inputs/species.csv class=Aves --to csv",
    "subset inputs/species.csv class=Aves genus!=Parus --to yaml",
    "subset inputs/species.csv inputs/park.txt --to json",
    "subset inputs/checklist.csv Insecta '!Papilio' --to csv",
    "subset inputs/dwca 'Parus major' --to yaml",
    "subset inputs/tree.nwk Turdus --to newick",
    "subset --model field-guide class=Insecta --to tsv",
    "diff inputs/species.csv inputs/checklist.csv --format table",
    "diff inputs/species.csv inputs/checklist.csv --format csv",
    "diff inputs/species.csv inputs/checklist.csv --format json",
    "diff inputs/taxa.tsv inputs/species.csv --format json",
    "diff inputs/nodes.yaml inputs/tree.nwk --format csv",
)


@dataclass(frozen=True)
class Case:
    """Commands that are run one after the other, the later ones perhaps on what the first have written.

    status: what the last exits with; the others with 0.
    """

    commands: tuple[str, ...]
    status: int = 0

    @property
    def name(self) -> str:
        return " && ".join(self.commands)


def all_cases() -> list[Case]:
    kinds = (_heads, _classify, _formats, _describe, _check, _evaluate, _explain, _calibrate, _embed, _taxonomy)
    return [case for kind in kinds for case in kind()]


def _case(*commands: str, status: int = 0) -> Case:
    return Case(tuple(command.strip() for command in commands), status)


def _heads() -> Iterator[Case]:
    for text, head, pooling in product(("taxonomic", "descriptors"), HEADS, POOLINGS):
        # top-down needs texts of the taxa above the classes, of which the field guide has no descriptors.
        status = 2 if (text, head) == ("descriptors", "top-down") else 0
        command = f"classify drawings --format json --text {text} --head {head} --pooling {pooling}"
        yield _case(command, status=status)


def _classify() -> Iterator[Case]:
    for options in (*RANKS_AND_PRECISION, *PARTS, *WHY_NOT, *OTHER_NAMES, *TEXTS, *OTHER_LISTS, *OTHER_SCORES):
        yield _case(f"classify drawings --format json {options}")
    scores = f"--scorer external:file=inputs/probabilities.csv,model=mine {OWN}"
    yield _case(f"classify --format json {scores} --rank family --plugin rollup")
    large = "--scorer external:file=inputs/large.npz,kind=logits --taxonomy inputs/large.csv"
    for options in ("--k 60", "--plugin rollup", "--rank family --plugin rollup", "--head hedge:0.2", "--head crm"):
        yield _case(f"classify --format json {large} {options}")
    yield _case("classify drawings/aglais-io.png --format json --text descriptors --heat-maps")


def _formats() -> Iterator[Case]:
    for name, options in product(
        ("names.csv", "names.jsonl", "names.parquet"),
        ("--text descriptors", "--plugin rollup --rank family", "--head hedge:0.99", "--labels 'fly agaric,blue tit'"),
    ):
        yield _case(f"classify drawings --output OUT/{name} {options}")
    yield _case("classify drawings --format csv --text descriptors --background on --k 2 --why-not 'Parus major'")
    reports = "--report OUT/a.json --report OUT/b.parquet"
    yield _case(f"classify drawings --format csv --report-as inputs/checklist.csv {reports}")
    for format_ in ("json", "jsonl", "csv"):
        pictures = "drawings inputs/broken.png inputs/noise.png"
        yield _case(f"classify {pictures} --format {format_} --plugin descriptors", status=1)


def _describe() -> Iterator[Case]:
    species = "describe inputs/species.csv"
    for options in (
        "--prompt cbd",
        "--prompt cbd --contrast",
        "--prompt cbd --name scientific",
        "--prompt exemplar",
        "--prompt exemplar --at family,genus",
        "--prompt exemplar --language de",
        "--prompt exemplar:domain=plants",
        "--prompt exemplar-background",
        "--prompt exemplar-background --contrast --at genus,species",
        "--prompt inputs/prompt.yaml",
        "--prompt inputs/prompt.yaml --contrast",
    ):
        yield _case(f"{species} --dry-run --price-in 0.15 --price-out 0.60 {options}")
        yield _case(_asking(species, options))
    yield _case(_asking("describe --labels 'red fox,gray wolf'", "--prompt cbd"))
    yield _case(_asking(species, "--prompt cbd --no-curate --concurrency 1"))
    yield _case(_asking(species, "--prompt exemplar-background", "no-schema,temperature=0.5,max_tokens=99"))
    yield _case(_asking(species, "--prompt exemplar-background --contrast", "rambling"), status=1)
    first, more = (_asking(species, f"--prompt exemplar --at {ranks}") for ranks in ("genus", "genus,species"))
    yield _case(first, more)
    classify = f"classify drawings --format json {OWN} --descriptors OUT/d.yaml --text descriptors"
    yield _case(_asking(species, "--prompt exemplar"), classify)


def _asking(describe: str, options: str, model: str = "lists") -> str:
    return f"{describe} --llm openai:model={model} --base-url URL --output OUT/d.yaml {options}"


def _check() -> Iterator[Case]:
    species, check = "describe inputs/species.csv", "--check inputs/to-check.yaml --format json"
    asked = _asking(species, "--prompt cbd --no-curate")
    yield _case(asked, f"{species} --check OUT/d.yaml --format json --output OUT/clean.yaml", status=1)
    yield _case(f"{species} {check}", status=1)
    yield _case(f"describe {check} --output OUT/clean.yaml", status=1)
    yield _case(f"{species} --check inputs/descriptors.yaml --format json")


def _evaluate() -> Iterator[Case]:
    texts = "--compare descriptors --compare taxonomic --compare swapped --compare random-words --seeds 3"
    for format_, options in product(("json", "csv"), ("--plugin descriptors", texts, "--head crm --text common")):
        yield _case(f"evaluate {GUIDE} --format {format_} {options}")
    yield _case(f"evaluate {GUIDE} --format json --plugin waffle --head hedge:0.9 --seeds 2")
    drawings = "evaluate inputs/labels.csv --format json"
    yield _case(f"{drawings} {DESCRIBED} --compare descriptors:inherit=0.5 --compare common --background on")
    yield _case(f"{drawings} --scorer external:file=inputs/logits.csv,kind=logits {OWN}")


def _explain() -> Iterator[Case]:
    for options in (
        "--plugin descriptors --format json",
        "--plugin descriptors --output OUT/report.csv",
        "--text descriptors --background on --pooling max --format json",
        "--text descriptors --pooling ensemble --format json --class 'Great tit' --class 'Amanita muscaria'",
        "--plugin descriptors --format json --prune OUT/pruned.yaml --seed 1 --least 0.6",
    ):
        yield _case(f"explain {MORE} {options}")
    yield _case(f"explain inputs/labels.csv --format json {DESCRIBED} --inherit")


def _calibrate() -> Iterator[Case]:
    for options in (
        "--text descriptors --seed 2 --accept 0.9 --accuracy 0.7",
        "--text descriptors --pooling max --bank-precision fp16",
        "--text descriptors --adjust species-list:file=inputs/park.txt,mode=prior",
    ):
        yield _case(f"calibrate {MORE} --output OUT/calibration.json {options}")
    calibrate = f"calibrate {MORE} --text templates:clip"
    classify = "classify drawings --format json --text templates:clip"
    yield _case(calibrate, classify)
    told = f"{classify} --calibration OUT/calibration.json"
    several = (f"{told} --head {head}" for head in ("flat", "rollup", "top-down", "hedge"))
    yield _case(f"{calibrate} --output OUT/calibration.json", *several, f"{told} --depth auto --accuracy 0.99")


def _embed() -> Iterator[Case]:
    for name in ("e.json", "e.csv", "e.npz", "e.parquet"):
        yield _case(f"embed drawings --output OUT/{name}")
        yield _case(f"embed --texts 'a red fox,a gray wolf' --no-normalise --output OUT/{name}")
        yield _case(f"embed {OWN} --text taxonomic --text common --output OUT/{name}")
    yield _case("embed drawings inputs/broken.png inputs/noise.png --output OUT/e.npz", status=1)
    yield _case(f"embed {DESCRIBED} --output OUT/e.parquet")


def _taxonomy() -> Iterator[Case]:
    for file in (*TABULAR, *OTHERS):
        yield _case(f"taxonomy show inputs/{file}")
        yield _case(f"taxonomy list inputs/{file} --format csv")
        yield _case(f"taxonomy list inputs/{file} --format json")
        yield _case(f"taxonomy validate inputs/{file} --format json")
        for format_ in ("yaml", "json", "newick", *(("csv", "parquet") if file in TABULAR else ())):
            yield _case(f"taxonomy convert inputs/{file} --to {format_} --output OUT/tree.{format_}")
    for command in ABOUT_TREES:
        yield _case(f"taxonomy {command}")
    yield _case("taxonomy validate inputs/oddities.csv inputs/gtdb.tsv --format json --strict", status=1)
    yield _case("taxonomy validate inputs/errors.csv inputs/several-parents.txt --format json", status=2)
