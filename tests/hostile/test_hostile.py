"""No broken or hostile input makes the program crash, hang, use up the memory or end with a wrong status or number.

pytest tests/hostile                            # some cases of each area in this process, some as processes of their own
python tests/hostile/run.py [AREA]              # all cases in one process
python tests/hostile/run.py --processes [AREA]  # all cases as processes
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hostile.case import Case, judge
from hostile.corpus import load_corpus
from hostile.running import run_alone, run_within

CASES = {f"{area}/{case.name}": case for area, cases in load_corpus().items() for case in cases}
PER_AREA = 75
"""Cases of each area that are tried in this process, evenly spread: as many as three minutes allow."""
SAMPLE = 100
"""Cases that are tried as processes."""


def _choose_within() -> list[str]:
    areas = load_corpus().items()
    within = [[f"{area}/{case.name}" for case in cases if not case.alone] for area, cases in areas]
    return [name for names in within for name in _spread(names, PER_AREA)]


def _choose_alone() -> list[str]:
    """Returns the cases that must be processes, and others of all areas, evenly spread."""
    alone = [name for name, case in CASES.items() if case.alone]
    others = [name for name, case in CASES.items() if not case.alone]
    return [*alone, *_spread(others, max(0, SAMPLE - len(alone)))]


def _spread(names: list[str], number: int) -> list[str]:
    n_chosen = min(number, len(names))
    return [names[i * len(names) // n_chosen] for i in range(n_chosen)]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache that all cases share, as a user's runs do."""
    yield tmp_path_factory.mktemp("cache")


@pytest.mark.filterwarnings("default")  # as for a user: a warning is no error
@pytest.mark.parametrize("name", _choose_within())
def test_within_this_process(name: str, tmp_path: Path, cache: Path) -> None:
    case = CASES[name]
    assert judge(case, run_within(case, tmp_path, cache)) == {}


@pytest.mark.parametrize("name", _choose_alone())
def test_as_a_process(name: str, tmp_path: Path, cache: Path) -> None:
    case = CASES[name]
    assert judge(case, run_alone(case, tmp_path, cache)) == {}


def test_the_corpus_covers_all_areas() -> None:
    counts = {area: len(cases) for area, cases in load_corpus().items()}
    assert sum(counts.values()) >= 1500
    assert min(counts.values()) >= 20, counts
    assert len(_choose_within()) >= 1500


def test_a_fault_is_seen(tmp_path: Path, cache: Path) -> None:
    """The judge finds what is wrong with runs that are wrong."""

    def ask_for_help(folder: Path) -> list[str]:
        return ["--help"]

    def classify_nothing(folder: Path) -> list[str]:
        return ["classify", "missing.png"]

    assert set(judge(*_run(Case("a", ask_for_help), tmp_path, cache))) == {"wrong status"}
    assert set(judge(*_run(Case("a", classify_nothing, says="xyz"), tmp_path, cache))) == {"wrong message"}
    assert set(judge(*_run(Case("a", ask_for_help, (0,), check=lambda _: "no"), tmp_path, cache))) == {"wrong value"}
    assert set(judge(*_run(Case("a", ask_for_help, (0,), seconds=1e-4), tmp_path, cache))) == {"hang"}


def _run(case: Case, folder: Path, cache: Path) -> tuple[Case, object]:
    return case, run_within(case, folder, cache)
