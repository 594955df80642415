from pathlib import Path

import pytest
from bioclip_x.plugin import TaxonomyError
from bioclip_x.testing import conformance

from bioclip_x_my_component import MyComponent

test_it_is_a_taxonomy_reader = conformance("taxonomy_readers", "my-component")


def test_a_line_without_a_genus_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Paridae > Parus > Parus major\nCorvidae > Pica pica\n")
    with pytest.raises(TaxonomyError, match=r"a\.txt, line 2: expected family > genus > species"):
        MyComponent().read(tmp_path / "a.txt")
