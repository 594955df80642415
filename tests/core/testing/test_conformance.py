"""The built-in components pass the checks that plugins are put to; a component with a fault is told which."""

from __future__ import annotations

import pytest

from bioclip_x.components import KINDS, Kind
from bioclip_x.registry import create_registry
from bioclip_x.testing import Subject, run_checks

REGISTRY = create_registry()
EXAMPLES = {"encoders": {"model": "package:bioclip_x_field_guide/model"}}
EXCEPTIONS = {
    (
        "taxonomy_readers",
        "bins",
        "it_recognises_its_format",
    ): "its files look as any table does: it is chosen by its name",
    ("taxonomy_readers", "parquet", "it_recognises_its_format"): "its example is shown as text",
    ("taxonomy_readers", "parquet", "it_reads_a_tree"): "its example is shown as text",
    ("taxonomy_readers", "parquet", "classes_survive_a_round_trip"): "its example is shown as text",
}
BUILT_IN = [(kind, name) for kind in KINDS for name in REGISTRY.components(kind)]


@pytest.mark.parametrize(("kind", "name"), BUILT_IN)
def test_built_in_components_pass(kind: Kind, name: str) -> None:
    outcomes = list(run_checks(Subject(kind, name, REGISTRY, examples=EXAMPLES.get(kind, {}))))
    failed = {one.check.name: one.reason for one in outcomes if one.result == "failed"}
    expected = {check for one, other, check in EXCEPTIONS if (one, other) == (kind, name)}
    assert failed.keys() == expected, failed
    assert any(one.result == "passed" for one in outcomes)
