"""The plugins of a run, as outputs name them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PluginInUse:
    """A plugin that a run used.

    name: as registered. distribution, version: of the installed package that it is from; "" for a file or a module of none.
    file: the name of its file, without the folder, for a plugin of no distribution. sha256: of the file's content.
    """

    name: str
    distribution: str = ""
    version: str = ""
    file: str = ""
    sha256: str = ""
