"""Conformance checks: what every component of a kind must do, for the tests of plugins.

    from bioclip_x.testing import conformance

    test_shy = conformance("heads", "shy")

is a test of pytest for each check of a head, and

    bioclip-x plugins check shy

runs the same checks. Compare scikit-learn's `check_estimator`. The built-in components pass them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bioclip_x.testing.checks import Check, NotApplicable, Outcome, Subject, list_checks, run_checks
from bioclip_x.testing.collect import conformance, make_subject

if TYPE_CHECKING:
    from bioclip_x.testing.examples import (
        make_bank,
        make_card,
        make_descriptors,
        make_loss_input,
        make_provenance,
        make_result,
        make_small_encoder,
        make_taxonomy,
    )

EXAMPLES = (
    "make_bank", "make_card", "make_descriptors", "make_loss_input", "make_provenance", "make_result", "make_small_encoder",
    "make_taxonomy",
)  # fmt: skip
__all__ = [
    "Check", "NotApplicable", "Outcome", "Subject", "conformance", "list_checks", "make_bank", "make_card", "make_descriptors",
    "make_loss_input", "make_provenance", "make_result", "make_small_encoder", "make_subject", "make_taxonomy", "run_checks",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    # Imported on use: the examples import torch, and pytest imports this module at every start.
    if name in EXAMPLES:
        return getattr(import_module("bioclip_x.testing.examples"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
