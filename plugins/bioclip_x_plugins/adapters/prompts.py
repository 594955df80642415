"""A learned prompt (CoOp: Zhou et al. 2022, arXiv 2109.01134): a few context vectors before every text.

peft's prompt tuning wraps language models of transformers and cannot be injected into other modules, so it is done here. The
context takes the place of the embeddings of rare words, each one token; a prefix of these words before every text calls it up.
So the exported model is an ordinary open_clip model: its embedding table has the learned rows, and its card the prefix.

Legend: P texts, L tokens, W width, M context vectors.
"""

from __future__ import annotations

from typing import Annotated, Any, cast

import torch
from pydantic import Field
from torch import nn

from bioclip_x.plugin import LayeredEncoder, TrainableEncoder, TrainableEncoderCapabilities, TrainingError
from bioclip_x_plugins.adapters.layers import freeze, replace_layer


class ContextEmbedding(nn.Module):
    """Token embeddings of which some rows are learned.

    base: an nn.Embedding, locked. tokens_M: int64, the learned rows; context_MW: their values.
    """

    tokens_M: torch.Tensor

    def __init__(self, base: nn.Embedding, tokens_M: torch.Tensor, context_MW: torch.Tensor) -> None:
        super().__init__()
        self.base = base
        self.register_buffer("tokens_M", tokens_M.to(base.weight.device), persistent=False)
        self.context_MW = nn.Parameter(context_MW)

    @property
    def weight(self) -> torch.Tensor:
        return self.base.weight

    def forward(self, tokens_PL: torch.Tensor) -> torch.Tensor:
        is_row_PLM = tokens_PL[..., None] == self.tokens_M
        row_PL = is_row_PLM.int().argmax(dim=-1)
        return torch.where(is_row_PLM.any(dim=-1)[..., None], self.context_MW[row_PL], self.base(tokens_PL))

    @torch.no_grad()
    def fold(self) -> nn.Embedding:
        self.base.weight[self.tokens_M] = self.context_MW.to(self.base.weight.dtype)
        return self.base


class Prompts:
    """Learns context vectors, the only parameters that are trained besides the logit scale.

    length: their number. words: initial values, the embeddings of these words (as many tokens as `length`); none: drawn from
    N(0, 0.02²), as CoOp draws them. seed: of these.
    """

    def __init__(self, *, length: Annotated[int, Field(ge=1)] = 8, words: str | None = None, seed: int = 0) -> None:
        self.length, self.words, self.seed = length, words, seed

    def apply(self, encoder: TrainableEncoder) -> None:
        """Raises TrainingError for a model without token embeddings, or if `words` are not `length` tokens."""
        name = _find_embedding(encoder.module)
        declared = getattr(encoder, "capabilities", TrainableEncoderCapabilities())
        if not declared.text_prefix:
            raise TrainingError("adapter: prompts: this model takes no prefix before its texts")
        encoder = cast(LayeredEncoder, encoder)
        freeze(encoder.module)
        base: Any = encoder.module.get_submodule(name)
        context_MW = self._make_context(encoder, base)
        prefix = " ".join(encoder.rare_words(self.length))
        tokens_M = _take_words(encoder, prefix, self.length)
        encoder.text_prefix = prefix
        replace_layer(encoder.module, name, ContextEmbedding(base, tokens_M, context_MW))

    def merge(self, encoder: TrainableEncoder) -> None:
        name = _find_embedding(encoder.module)
        embedding = cast(ContextEmbedding, encoder.module.get_submodule(name))
        replace_layer(encoder.module, name, embedding.fold())

    def _make_context(self, encoder: TrainableEncoder, base: nn.Embedding) -> torch.Tensor:
        if self.words is not None:
            return base.weight[_take_words(encoder, self.words, self.length).to(base.weight.device)].detach().clone()
        generator = torch.Generator().manual_seed(self.seed)
        drawn_MW = torch.randn(self.length, base.embedding_dim, generator=generator) * 0.02
        return drawn_MW.to(base.weight)


def _find_embedding(module: nn.Module) -> str:
    """Returns the name of the token embeddings: those of the model, or of its text tower."""
    for name in ("token_embedding", "text.token_embedding"):
        try:
            module.get_submodule(name)
        except AttributeError:
            continue
        return name
    raise TrainingError("adapter: prompts: this text tower has no token embeddings known to bioclip-x")


def _take_words(encoder: TrainableEncoder, words: str, length: int) -> torch.Tensor:
    """Returns the tokens of words, int64 [length], without start and end. Raises TrainingError if there are not as many."""
    start_and_end = encoder.count_tokens([""])[0]
    found = encoder.count_tokens([words])[0] - start_and_end
    if found != length:
        raise TrainingError(f"adapter: prompts: words: {words!r} are {found} tokens, but length is {length}")
    return encoder.tokenize([words])[0, 1 : 1 + length]
