"""The frozen records that stages exchange. A stage imports these, never another stage."""

from bioclip_x.records.answer import Answer
from bioclip_x.records.bank import TextBank
from bioclip_x.records.calibration import Calibration, Conditions
from bioclip_x.records.descriptor import Descriptor, DescriptorSet
from bioclip_x.records.embedding import Embedding, EmbeddingProvenance
from bioclip_x.records.evaluation import Evaluation, Measure, TextEvaluation
from bioclip_x.records.explanation import Explanation, HeatMap, PromptContribution, Remainder
from bioclip_x.records.features import Decoded, ImageFeatures, ModelCard, OpenedImage, PatchFeatures, Source
from bioclip_x.records.few_shot import FewShotEvaluation, FewShotResult
from bioclip_x.records.models import KnownModel, OwnClasses, OwnRecipe
from bioclip_x.records.problem import Mismatch, Problem
from bioclip_x.records.prompt import Prompt, PromptSet, TextRequest
from bioclip_x.records.result import PluginInUse, Prediction, Provenance, RankWinner, Result, Step
from bioclip_x.records.scores import HeadInput, Logits, Scores
from bioclip_x.records.support import NearestImage, SupportImages
from bioclip_x.records.taxon import Synonym, Taxon
from bioclip_x.records.training import (
    EpochEnd,
    Gathered,
    LossInput,
    Processes,
    RunContext,
    StepEnd,
    TreeTensors,
    Validated,
)

__all__ = [
    "Answer",
    "Calibration",
    "Conditions",
    "Decoded",
    "Descriptor",
    "DescriptorSet",
    "Embedding",
    "EmbeddingProvenance",
    "EpochEnd",
    "Evaluation",
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
    "Measure",
    "Mismatch",
    "ModelCard",
    "NearestImage",
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
    "Remainder",
    "Result",
    "RunContext",
    "Scores",
    "Source",
    "Step",
    "StepEnd",
    "SupportImages",
    "Synonym",
    "Taxon",
    "TextBank",
    "TextEvaluation",
    "TextRequest",
    "TreeTensors",
    "Validated",
]
