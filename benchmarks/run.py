"""Runs the benchmarks: measures the project and a peer alternately, and compares the median of the ratios with its target.

    python benchmarks/run.py [startup images text_bank scoring descriptors explaining memory ranks tree_scoring subset taxonomy
        training_speed] [--rounds N]

Without a name all are run, which takes about forty minutes on two idle cores. Install the peers with pip install
'bioclip-x[bench]'. Writes benchmarks/results/NAME.json and the tables in docs/benchmarks.md. The exit status is 1 if a target is
missed, or if the project's and the peer's results differ by more than allowed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from machine import describe
from peers.figures import Figure, Limit, load
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- figures: written by benchmarks/run.py -->", "<!-- end of figures -->"
TITLES = {
    "startup": "Start-up",
    "images": "Naming images",
    "text_bank": "Embedding texts",
    "scoring": "Scoring",
    "descriptors": "Scoring by ten descriptors a class",
    "explaining": "Explaining",
    "describe": "Having descriptors written",
    "memory": "Memory",
    "ranks": "Shares at all ranks of a tree of 867,455 classes",
    "tree_scoring": "Scoring a tree of 867,455 classes",
    "subset": "A part of a tree of 867,455 classes",
    "taxonomy": "Reading taxonomies",
    "training_speed": "Training",
}
PEERS = {
    "images": ["pybioclip"],
    "text_bank": ["pybioclip"],
    "ranks": ["pybioclip"],
    "subset": ["pybioclip"],
    "training_speed": ["webdataset"],
}
"""Packages whose versions are stored with the results of a benchmark."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"benchmarks to run: {', '.join(TITLES)}; default all")
    parser.add_argument(
        "--rounds", type=int, help="samples of each side; default set by each benchmark for stable results"
    )
    options = parser.parse_args()
    unknown = set(options.names) - set(TITLES)
    if unknown:
        parser.error(f"unknown benchmark {', '.join(sorted(unknown))}; available: {', '.join(TITLES)}")
    console = Console()
    missed = 0
    for name in options.names or TITLES:
        benchmark = import_module(f"peers.{name}")
        figures: dict[str, Figure | Limit] = benchmark.measure(options.rounds or benchmark.ROUNDS)
        RESULTS.mkdir(exist_ok=True)
        results_of(name).write_text(
            json.dumps(_make_results(name, figures), indent=2, ensure_ascii=False) + "\n", "utf-8"
        )
        console.print(_make_console_table(TITLES[name], figures))
        missed += sum(not figure.is_met for figure in figures.values())
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{tables()}\n{END}{rest.partition(END)[2]}", "utf-8")
    if missed:
        console.print(f"{missed} targets missed", style="bold red")
    return 1 if missed else 0


def results_of(name: str) -> Path:
    return RESULTS / f"{name}.json"


def _make_results(name: str, figures: Mapping[str, Figure | Limit]) -> dict[str, Any]:
    import torch

    benchmark = import_module(f"peers.{name}")
    return {
        "about": (benchmark.__doc__ or "").strip(),
        "command": f"python benchmarks/run.py {name}",
        "machine": {**describe(*PEERS.get(name, [])), "threads": torch.get_num_threads()},
        "figures": {label: figure.dump() for label, figure in figures.items()},
    }


def _make_console_table(title: str, figures: Mapping[str, Figure | Limit]) -> Table:
    table = Table(*HEADINGS, title=title, title_justify="left")
    for label, figure in figures.items():
        table.add_row(*row(label, figure), style="" if figure.is_met else "bold red")
    return table


HEADINGS = ("", "ours", "the peer", "ratio", "target", "met", "largest difference")


def row(label: str, figure: Figure | Limit) -> tuple[str, ...]:
    """Returns the cells of a figure, for the terminal and the docs."""
    if isinstance(figure, Limit):
        project = f"{figure.what}: {_format_number(figure.value)} {figure.unit}"
        return label, project, "", "", figure.target, "yes" if figure.is_met else "**no**", ""
    project, peer = (f"{what}: {_format_number(taken)} {figure.captions.unit}" for what, taken in figure.medians)
    value = f"{figure.value:.3f}" if figure.target.kind == "at most" else f"{figure.value:.1f}"
    difference = f"{figure.agreement.largest:.0e}" if figure.agreement else ""
    return label, project, peer, f"{value}×", str(figure.target), "yes" if figure.is_met else "**no**", difference


def _format_number(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def tables() -> str:
    """Formats all committed results as Markdown."""
    parts = []
    for name, title in TITLES.items():
        if results_of(name).exists():
            results = json.loads(results_of(name).read_text("utf-8"))
            rows = [HEADINGS, ("---",) * len(HEADINGS)]
            rows += [row(label, load(dumped)) for label, dumped in results["figures"].items()]
            parts += [f"### {title}", "\n".join(f"| {' | '.join(cells)} |" for cells in rows), _format_machine(results)]
    return "\n\n".join(parts)


def _format_machine(results: Mapping[str, Any]) -> str:
    machine, rounds = results["machine"], {len(figure["ours"]["samples"]) for figure in results["figures"].values()}
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['threads']} threads; Python {machine['python']}, "
        f"{versions}; rounds: {'/'.join(map(str, sorted(rounds)))}; `{results['command']}`."
    )


if __name__ == "__main__":
    sys.exit(main())
