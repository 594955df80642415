from __future__ import annotations

import math
import sys

import pytest

from bioclip_x.errors import BioclipXError
from bioclip_x.records import Explanation, PromptContribution, Remainder

EXPLANATION = Explanation(
    "Parus", "Sitta", "Parus major", "Sitta europaea",
    margin=2.75,
    contributions=(
        PromptContribution(
            "a cap", "tit, which has a cap", "descriptor", "f.yaml", 4, 0.5, 5.0, "Parus", "genus", n_classes=3, net=1.0
        ),
        PromptContribution("a cap", "nuthatch, which has a cap", "descriptor", "f.yaml", 2, 0.4, -4.0, n_classes=3, net=1.0),
    ),
    rest=1.75,
    remainders=(Remainder("other classes of Parus", 0.75, "classes"), Remainder("species-list", 1.0, "adjustment")),
)  # fmt: skip


def test_to_frame() -> None:
    pytest.importorskip("pandas")
    frame = EXPLANATION.to_frame()
    assert frame["contribution"].tolist() == [5.0, -4.0, 0.75, 1.0]
    assert frame["contribution"].sum() == EXPLANATION.margin == frame.attrs["margin"]
    assert frame["class"].tolist() == ["Parus major", "Sitta europaea", "", ""]
    assert frame["kind"].tolist() == ["descriptor", "descriptor", "remainder: classes", "remainder: adjustment"]
    assert frame["phrase"].tolist() == ["a cap", "a cap", "other classes of Parus", "species-list"]
    assert frame.loc[0, ["taxon", "rank", "n_classes", "net", "similarity"]].tolist() == ["Parus", "genus", 3, 1.0, 0.5]
    assert math.isnan(frame.loc[2, "similarity"])
    assert (frame.attrs["winner"], frame.attrs["runner_up"]) == ("Parus", "Sitta")


def test_an_empty_frame_has_its_columns() -> None:
    pytest.importorskip("pandas")
    frame = Explanation("a", "b", "a", "b", 0.0, (), 0.0).to_frame()
    assert len(frame) == 0 and {"class", "phrase", "contribution"} <= set(frame.columns)


def test_missing_pandas_is_reported_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(BioclipXError, match="pip install pandas"):
        EXPLANATION.to_frame()
