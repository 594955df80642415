"""The frozen records that stages hand to each other. A stage imports these and never another stage."""

from bioclip_x.records.answer import Answer
from bioclip_x.records.bank import TextBank
from bioclip_x.records.calibration import Calibration, Conditions
from bioclip_x.records.embedding import Embedding, EmbeddingProvenance
from bioclip_x.records.explanation import Explanation, PromptShare
from bioclip_x.records.features import Decoded, ImageFeatures, ModelCard, Source
from bioclip_x.records.loss import LossInput
from bioclip_x.records.models import KnownModel, OwnClasses
from bioclip_x.records.problem import Problem
from bioclip_x.records.prompt import Prompt, PromptSet, TextRequest
from bioclip_x.records.result import Prediction, Provenance, RankWinner, Result, Step
from bioclip_x.records.scores import Logits, Scores
from bioclip_x.records.taxon import Synonym, Taxon

__all__ = [
    "Answer",
    "Calibration",
    "Conditions",
    "Decoded",
    "Embedding",
    "EmbeddingProvenance",
    "Explanation",
    "ImageFeatures",
    "KnownModel",
    "Logits",
    "LossInput",
    "ModelCard",
    "OwnClasses",
    "Prediction",
    "Problem",
    "Prompt",
    "PromptSet",
    "PromptShare",
    "Provenance",
    "RankWinner",
    "Result",
    "Scores",
    "Source",
    "Step",
    "Synonym",
    "Taxon",
    "TextBank",
    "TextRequest",
]
