"""What components declare of themselves, in frozen records, as scikit-learn's estimator tags do.

A component declares by an attribute `capabilities`, on its class or (where it depends on options) on its instances:

    class MyHead:
        capabilities = HeadCapabilities(chooses_rank=True)

A component without the attribute has the defaults. A value of another type is an error when the component is made. The
core asks for nothing that is not declared here, and knows no component by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Pooling = Literal["mean", "ensemble", "max"]


@dataclass(frozen=True, slots=True)
class TextBuilderCapabilities:
    """What a text builder declares.

    pooling: the pooling that its prompts were published with; a recipe that sets none takes it. None for builders of one
        prompt per class.
    seed_option: the option that seeds its random prompts; "" where nothing is random.
    flag_options: how it follows the flags `--background` and `--inherit`: flag → value of the flag → options to set. A
        builder that reads no descriptors follows neither.
    """

    pooling: Pooling | None = None
    seed_option: str = ""
    flag_options: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EncoderCapabilities:
    """What a family of models declares.

    preprocess: the values of the recipe's `preprocess` that it can follow.
    lists_models: has `known_models`. brings_classes: has `own_classes`. trains: has `trainable`.
    raw_embeddings: its models take `normalise=False`.
    """

    preprocess: tuple[str, ...] = ("model",)
    lists_models: bool = False
    brings_classes: bool = False
    trains: bool = False
    raw_embeddings: bool = False


@dataclass(frozen=True, slots=True)
class LoadedEncoderCapabilities:
    """What a loaded model declares.

    no_patches: "" for a model with `encode_patches`, else the reason why it has none.
    """

    no_patches: str = "its family of models has no `encode_patches`"


@dataclass(frozen=True, slots=True)
class ScorerCapabilities:
    """What a scorer declares.

    needs_embeddings: False for a scorer that reads precomputed class scores: no model is loaded and no image decoded for
        it; see `components.PrecomputedScorer`.
    pools_prompts: a class's logit is scale · Σ a_p·cos_p + bias, with a_p from `coefficients`, and nothing else. Statistics
        about single prompts (`bioclip-x explain`) hold for such scorers only.
    """

    needs_embeddings: bool = True
    pools_prompts: bool = False


@dataclass(frozen=True, slots=True)
class HeadCapabilities:
    """What a head declares.

    is_softmax: its probabilities are the softmax of the class logits that it gets, summed up the tree. A calibration's
        temperature is right for such heads only, and is not applied for others.
    chooses_rank: it decides by itself which nodes are reported; a recipe that names a rank is refused.
    needs_inner_taxa: it needs logits of the taxa above the classes, from prompts of their own
        (`HeadInput.inner_logits_TB`).
    depth_option: the option that takes a calibration's λ (Deng et al., CVPR 2012), for heads that can be asked for
        `depth: auto`; "" for others.
    """

    is_softmax: bool = True
    chooses_rank: bool = False
    needs_inner_taxa: bool = False
    depth_option: str = ""


@dataclass(frozen=True, slots=True)
class LossCapabilities:
    """What a loss declares.

    needs_prepare: it has `prepare(taxonomy, embed_dim, n_classes)`, called once before the optimiser is made, to make its
        parameters and whatever it derives from the tree.
    """

    needs_prepare: bool = False


@dataclass(frozen=True, slots=True)
class TaxonomyReaderCapabilities:
    """What a taxonomy reader declares.

    several_parents_option: the option that says what becomes of a node with several parents ("refuse", "first" or "all");
        "" for formats in which a node has one parent.
    """

    several_parents_option: str = ""


@dataclass(frozen=True, slots=True)
class LanguageModelCapabilities:
    """What a language model declares.

    json_schema: `complete` can ask its server for an answer that follows a JSON schema; others get `schema=None`.
    """

    json_schema: bool = False


@dataclass(frozen=True, slots=True)
class DatasetCapabilities:
    """What a data set declares.

    reads: what it is chosen for where a command is given a path: "folder", or suffixes of files (".csv").
    path_option: the option that takes this path. evaluation_options: further options that commands set which evaluate
        (and need images off the list of classes, which a training run has no use for).
    """

    reads: tuple[str, ...] = ()
    path_option: str = "path"
    evaluation_options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReportCapabilities:
    """What a report declares.

    suffixes: of the files that it is chosen for. thumbnails: it shows the images; results then carry small JPEGs.
    binary: its output is no text, and is not written to a terminal.
    """

    suffixes: tuple[str, ...] = ()
    thumbnails: bool = False
    binary: bool = False
