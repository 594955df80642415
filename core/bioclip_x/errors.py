"""Every error a user can cause or mend. The command line prints one as one line and exits with `exit_code`."""


class BioclipXError(Exception):
    """Base of all handled errors: says what was expected, what came, and how to mend it."""

    exit_code = 2


class PluginError(BioclipXError):
    """A plugin is broken, misspells a hook, or provides a name that is taken."""


class RecipeError(BioclipXError):
    """The request contradicts itself or names an option that does not exist."""


class TaxonomyError(BioclipXError):
    """A taxonomy cannot be read or is not a tree."""


class DescriptorError(BioclipXError):
    """A descriptor file cannot be read or lacks what was asked of it."""


class ModelError(BioclipXError):
    """A model cannot be found, loaded or trusted."""


class ImageError(BioclipXError):
    """One picture cannot be read. Becomes a row with an error; the rest goes on."""


class LanguageModelError(BioclipXError):
    """A language model's server refused, failed or answered with something unusable."""


class TrainingError(BioclipXError):
    """A training configuration, data set or checkpoint is unusable."""


class SettingsError(BioclipXError):
    """The user's configuration file, or a BIOCLIP_X_… variable, is unusable."""
