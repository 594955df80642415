"""Errors that a user can cause or fix. The command line prints them as one line and exits with `exit_code`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bioclip_x.records.problem import Problem


class BioclipXError(Exception):
    """Base of all handled errors. Messages state what was expected, what was found, and what to do."""

    exit_code = 2


class PluginError(BioclipXError):
    """A plugin is broken, misspells a hook, or provides a name in use."""


class ComponentError(PluginError):
    """A plugin's component or hook raised something other than these errors. The message names it, and the image at hand."""


class RecipeError(BioclipXError):
    """A request is contradictory or names an unknown option."""


class TaxonomyError(BioclipXError):
    """A taxonomy cannot be read or is not a tree.

    problems: all problems in the file, warnings included, if its reader checked the whole file.
    """

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class DescriptorError(BioclipXError):
    """A descriptor file cannot be read or lacks required descriptors."""


class ModelError(BioclipXError):
    """A model cannot be found, loaded or trusted."""


class ImageError(BioclipXError):
    """An image cannot be read. Its result has an error; other images are unaffected."""


class LanguageModelError(BioclipXError):
    """A language model's server refused, failed or returned an unusable answer."""


class NoAnswerError(LanguageModelError):
    """One prompt got no answer; others may still get one."""


class TrainingError(BioclipXError):
    """A training configuration, data set or checkpoint is unusable."""


class DatasetError(BioclipXError):
    """The configuration, a source or the folder of a data set that is built is unusable."""


class SettingsError(BioclipXError):
    """The user's configuration file or a BIOCLIP_X_… variable is unusable."""


class CalibrationError(BioclipXError):
    """A calibration is missing, was made under other conditions, or cannot be computed from these images."""


class EvaluationError(BioclipXError):
    """There are no images to evaluate, or no results to compare."""


class ScoresError(BioclipXError):
    """A file of precomputed scores is unusable."""


class OldNameWarning(FutureWarning):
    """A user wrote a name that will be an error in a coming release. The command line prints it."""


class PluginWarning(UserWarning):
    """A plugin's component is left out where all of its kind are asked."""
