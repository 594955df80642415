from pathlib import Path

from bioclip_x.testing import conformance
from click.testing import CliRunner

from bioclip_x_my_component import command

test_it_is_a_command = conformance("commands", "my-component")


def test_files_below_are_counted(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for name in ("a.jpg", "below/b.JPG", "c.txt"):
        (tmp_path / name).touch()
    assert CliRunner().invoke(command, [str(tmp_path)]).output == "2\n"
