"""Models with a short name, each with one fault."""

from dataclasses import replace

from bioclip_x.plugin import KnownModel

KIND = "models"


def make_right() -> KnownModel:
    """a model"""
    return KnownModel("mine", "open_clip:x", "small", "a", 8, 32, "squash", "MIT", "", True, None, encoder="open_clip")


def make_of_no_family() -> KnownModel:
    """a family that is not there"""
    return replace(make_right(), encoder="closed_clip")


def make_undescribed() -> KnownModel:
    """no licence"""
    return replace(make_right(), licence="")


def make_with_options(*, size: str = "B") -> KnownModel:
    """an option"""
    return make_right()


def make_with_classes() -> KnownModel:
    """classes of which nothing is told"""
    return replace(make_right(), classes="birds")


RIGHT = (make_right,)
FAULTY = {
    "it_is_a_known_model": make_of_no_family,
    "it_is_described": make_undescribed,
    "it_is_made_without_options": make_with_options,
    "its_classes_are_told": make_with_classes,
}
