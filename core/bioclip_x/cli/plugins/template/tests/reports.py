from pathlib import Path

from bioclip_x.testing import conformance, make_provenance, make_result

from bioclip_x_my_component import MyComponent

test_it_is_a_report = conformance("reports", "my-component")


def test_a_line_has_image_and_taxon(tmp_path: Path) -> None:
    with MyComponent().open(tmp_path / "a.names", make_provenance()) as writer:
        writer.write(make_result("a.jpg"))
    assert (tmp_path / "a.names").read_text("utf-8") == "a.jpg\tParus major\n"
