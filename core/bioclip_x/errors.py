"""Every error a user can cause or mend. The command line prints one as one line and exits with `exit_code`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bioclip_x.records.problem import Problem


class BioclipXError(Exception):
    """Base of all handled errors: says what was expected, what came, and how to mend it."""

    exit_code = 2


class PluginError(BioclipXError):
    """A plugin is broken, misspells a hook, or provides a name that is taken."""


class RecipeError(BioclipXError):
    """The request contradicts itself or names an option that does not exist."""


class TaxonomyError(BioclipXError):
    """A taxonomy cannot be read or is not a tree.

    problems: all that was found in the file, warnings too, where its reader looked at all of it.
    """

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class DescriptorError(BioclipXError):
    """A descriptor file cannot be read or lacks what was asked of it."""


class ModelError(BioclipXError):
    """A model cannot be found, loaded or trusted."""


class ImageError(BioclipXError):
    """One image cannot be read. Becomes a row with an error; the rest goes on."""


class LanguageModelError(BioclipXError):
    """A language model's server refused, failed or answered with something unusable."""


class NoAnswerError(LanguageModelError):
    """One prompt got no answer, and others still may."""


class TrainingError(BioclipXError):
    """A training configuration, data set or checkpoint is unusable."""


class SettingsError(BioclipXError):
    """The user's configuration file, or a BIOCLIP_X_… variable, is unusable."""


class CalibrationError(BioclipXError):
    """A calibration is missing, was made for something else, or cannot be made of these images."""


class EvaluationError(BioclipXError):
    """There is nothing to evaluate, or nothing to compare."""


class ScoresError(BioclipXError):
    """A file of another classifier's scores cannot be used."""
