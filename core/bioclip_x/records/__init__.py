"""The frozen records that stages exchange. A stage imports these, never another stage."""

from bioclip_x.records.calibration import Calibration, Conditions
from bioclip_x.records.embedding import Embedding, EmbeddingProvenance
from bioclip_x.records.evaluation.few_shot import FewShotEvaluation, FewShotResult
from bioclip_x.records.evaluation.figures import (
    ConfusionMatrix,
    EmbeddingMap,
    EvaluationFigures,
    Example,
    ExampleAnswer,
    ExampleSet,
    Neighbours,
    RunFigures,
    TaxonGroup,
)
from bioclip_x.records.evaluation.measures import CurvePoint, Evaluation, Measure, TextEvaluation
from bioclip_x.records.evaluation.word_order import Alteration, WordOrderProbe
from bioclip_x.records.event import EventImage
from bioclip_x.records.explanation import Explanation, HeatMap, NearestImage, PromptContribution, Remainder
from bioclip_x.records.features import Decoded, ImageFeatures, ModelCard, OpenedImage, PatchFeatures, Source
from bioclip_x.records.models import KnownModel, OwnClasses, OwnRecipe
from bioclip_x.records.problem import Mismatch, Problem
from bioclip_x.records.region import Box, Mask, Region
from bioclip_x.records.result import PluginInUse, Prediction, Provenance, RankWinner, Result, Step
from bioclip_x.records.scores import HeadInput, Logits, Scores
from bioclip_x.records.support import SupportImages
from bioclip_x.records.taxon import Synonym, Taxon
from bioclip_x.records.texts.answer import Answer
from bioclip_x.records.texts.bank import TextBank
from bioclip_x.records.texts.descriptor import Descriptor, DescriptorSet
from bioclip_x.records.texts.prompt import Prompt, PromptSet, TextRequest
from bioclip_x.records.training import (
    EpochEnd,
    Gathered,
    LossInput,
    Processes,
    RunContext,
    StepEnd,
    TextMatcher,
    TreeTensors,
    Validated,
)

__all__ = [
    "Alteration",
    "Answer",
    "Box",
    "Calibration",
    "Conditions",
    "ConfusionMatrix",
    "CurvePoint",
    "Decoded",
    "Descriptor",
    "DescriptorSet",
    "Embedding",
    "EmbeddingMap",
    "EmbeddingProvenance",
    "EpochEnd",
    "Evaluation",
    "EvaluationFigures",
    "EventImage",
    "Example",
    "ExampleAnswer",
    "ExampleSet",
    "Explanation",
    "FewShotEvaluation",
    "FewShotResult",
    "Gathered",
    "HeadInput",
    "HeatMap",
    "ImageFeatures",
    "KnownModel",
    "Logits",
    "LossInput",
    "Mask",
    "Measure",
    "Mismatch",
    "ModelCard",
    "NearestImage",
    "Neighbours",
    "OpenedImage",
    "OwnClasses",
    "OwnRecipe",
    "PatchFeatures",
    "PluginInUse",
    "Prediction",
    "Problem",
    "Processes",
    "Prompt",
    "PromptContribution",
    "PromptSet",
    "Provenance",
    "RankWinner",
    "Region",
    "Remainder",
    "Result",
    "RunContext",
    "RunFigures",
    "Scores",
    "Source",
    "Step",
    "StepEnd",
    "SupportImages",
    "Synonym",
    "Taxon",
    "TaxonGroup",
    "TextBank",
    "TextEvaluation",
    "TextMatcher",
    "TextRequest",
    "TreeTensors",
    "Validated",
    "WordOrderProbe",
]
