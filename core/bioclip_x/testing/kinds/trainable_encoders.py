"""Checks of encoders that train. Examples: `trainable`, the model to train, by default `model`; `description`, of a new one;
`saved`, the name of a saved model, with {folder}, which is this by default.

Legend: B images, P texts, D embedding.
"""

from __future__ import annotations

import pickle
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's convention
from PIL import Image

from bioclip_x.errors import ModelError
from bioclip_x.hooks.capabilities import EncoderCapabilities, TrainableEncoderCapabilities, get_capabilities
from bioclip_x.testing.checks import NotApplicable, Subject

TEXTS: Final = ["a bird", "a photo of Parus major."]


def make_trainable(subject: Subject, model: Any = None, seed: int = 0) -> Any:
    """Makes the model to train. Raises NotApplicable for an encoder that does not train."""
    encoder = subject.make()
    if not get_capabilities(encoder, EncoderCapabilities).trains:
        raise NotApplicable("it does not declare trains")
    model = model or subject.examples.get("trainable") or subject.need("model")
    made = encoder.trainable(model, device="cpu", seed=seed, image_size=None)
    get_capabilities(made, TrainableEncoderCapabilities)
    made.module.eval()
    return made


def make_layered(subject: Subject, capability: str) -> Any:
    made = make_trainable(subject)
    if not getattr(get_capabilities(made, TrainableEncoderCapabilities), capability):
        raise NotApplicable(f"the model does not declare {capability}")
    return made


def draw_pixels(made: Any, count: int = 2) -> torch.Tensor:
    return torch.randn(count, len(made.mean), *made.image_size, generator=torch.Generator().manual_seed(0))


def check_trained_models_embed(subject: Subject) -> None:
    """A model to train has float32 weights, and embeds images and texts: [B, D] with gradients."""
    made = make_trainable(subject)
    dtypes = {parameter.dtype for parameter in made.module.parameters()}
    assert dtypes == {torch.float32}, f"expected float32 weights, got {', '.join(map(str, dtypes))}"
    found = {"images": made.forward_image(draw_pixels(made)), "texts": made.forward_text(made.tokenize(TEXTS))}
    for what, embeddings in found.items():
        assert tuple(embeddings.shape) == (2, made.embed_dim), (
            f"expected embeddings of {what} {(2, made.embed_dim)}, got {tuple(embeddings.shape)}"
        )
        assert embeddings.requires_grad, f"expected embeddings of {what} with gradients, got some without"
    scale = made.logit_scale
    assert scale.numel() == 1 and float(scale.detach()) > 0, f"expected logit_scale, exponentiated, got {scale}"


def check_pixels_are_of_the_declared_size(subject: Subject) -> None:
    """A model to train prepares images of its `image_size`, with a mean and a standard deviation for each channel."""
    made = make_trainable(subject)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))
    pixels = made.preprocess(image)
    assert tuple(pixels.shape) == (3, *made.image_size) and pixels.dtype == torch.float32, (
        f"expected float32 {(3, *made.image_size)}, got {pixels.dtype} {tuple(pixels.shape)}"
    )
    assert len(made.mean) == len(made.std) == 3, f"expected mean and std of 3 channels, got {made.mean}, {made.std}"
    assert made.resize_mode in ("shortest", "squash", "longest"), (
        f"expected a resize_mode 'shortest', 'squash' or 'longest', got {made.resize_mode!r}"
    )


def check_its_tokenizer_can_be_sent(subject: Subject) -> None:
    """Its tokenizer makes int64 [texts, context], and the same after it is pickled."""
    made = make_trainable(subject)
    tokens_PL = made.tokenize(TEXTS)
    shape = (len(TEXTS), made.context_length)
    assert tuple(tokens_PL.shape) == shape and tokens_PL.dtype == torch.int64, (
        f"expected int64 {shape}, got {tokens_PL.dtype} {tuple(tokens_PL.shape)}"
    )
    try:
        tokenizer = pickle.loads(pickle.dumps(made.make_tokenizer()))
    except Exception as problem:
        raise AssertionError(f"expected a tokenizer that can be pickled, got {problem!r}") from problem
    assert torch.equal(tokenizer.tokenize(TEXTS), tokens_PL), "expected the same tokens of its tokenizer, got others"
    assert list(tokenizer.count_tokens(TEXTS)) == list(made.count_tokens(TEXTS)), "expected the same counts, got others"


def check_new_weights_depend_on_the_seed(subject: Subject) -> None:
    """The weights of a new model depend on the seed alone."""
    if not get_capabilities(subject.make(), EncoderCapabilities).trains:
        raise NotApplicable("it does not declare trains")
    description = subject.need("description")
    weights = []
    for seed, state in ((1, 10), (1, 20), (2, 10)):
        torch.manual_seed(state)
        made = make_trainable(subject, description, seed)
        weights.append(torch.cat([parameter.detach().flatten() for parameter in made.module.parameters()]))
    assert torch.equal(weights[0], weights[1]), "expected the same weights of the same seed, got others"
    assert not torch.equal(weights[0], weights[2]), "expected other weights of another seed, got the same"


def check_saved_models_load(subject: Subject) -> None:
    """A model that was saved is loaded with the same embeddings, as a model to use."""
    made = make_trainable(subject)
    with torch.no_grad():
        for parameter in made.module.parameters():
            if parameter.ndim:
                parameter.mul_(1.01)
    with TemporaryDirectory() as name:
        folder = Path(name, "model")
        made.save(folder, {})
        reference = str(subject.examples.get("saved", "{folder}")).format(folder=folder)
        loaded = subject.make().load(reference, name="mine", device="cpu", precision="fp32", preprocess="model")
        pixels = draw_pixels(made)
        with torch.no_grad():
            pairs = {
                "images": (loaded.encode_images(pixels).embeddings_BD, F.normalize(made.forward_image(pixels), dim=1)),
                "texts": (loaded.encode_texts(TEXTS), F.normalize(made.forward_text(made.tokenize(TEXTS)), dim=1)),
            }
    for what, (found, expected) in pairs.items():
        off = float((found - expected).abs().max())
        assert off < 1e-3, f"expected the embeddings of {what} of the saved model, got a difference of {off:.2g}"


def check_the_logit_scale_is_clamped(subject: Subject) -> None:
    """`clamp_logit_scale` keeps the exponentiated scale in [1, largest]."""
    made = make_trainable(subject)
    made.clamp_logit_scale(1.5)
    found = float(made.logit_scale.detach())
    assert 1 - 1e-5 <= found <= 1.5 + 1e-5, f"expected a scale of 1 to 1.5, got {found:.4g}"


def check_depth_groups_hold_every_parameter(subject: Subject) -> None:
    """Every parameter is in one of the depth groups, but for the logit scale and bias."""
    made = make_layered(subject, "depth_groups")
    grouped = [name for groups in made.depth_groups().values() for group in groups for name in group]
    names = {name for name, _ in made.module.named_parameters()}
    twice = sorted({name for name in grouped if grouped.count(name) > 1})
    assert not twice, f"expected each parameter in one group, got {twice[0]} in several"
    unknown = sorted(set(grouped) - names)
    assert not unknown, f"expected names of parameters, got {unknown[0]}"
    left = {name for name in names - set(grouped) if "logit" not in name}
    assert not left, f"expected every parameter in a group, got {sorted(left)[0]} in none"


def check_blocks_are_modules(subject: Subject) -> None:
    """Its blocks are different modules of the model."""
    made = make_layered(subject, "blocks")
    blocks, modules = list(made.blocks()), {id(module) for module in made.module.modules()}
    assert blocks and len({id(block) for block in blocks}) == len(blocks), (
        "expected different blocks, got none or one twice"
    )
    assert all(id(block) in modules for block in blocks), "expected modules of the model, got another"


def check_checkpointing_changes_nothing(subject: Subject) -> None:
    """With gradient checkpointing, images have the same embeddings."""
    made = make_layered(subject, "gradient_checkpointing")
    pixels = draw_pixels(made)
    made.module.train()
    before = made.forward_image(pixels).detach()
    try:
        made.set_gradient_checkpointing(True)
    except ModelError as problem:
        raise NotApplicable(str(problem)) from problem
    after = made.forward_image(pixels).detach()
    assert torch.allclose(before, after, atol=1e-5), (
        "expected the same embeddings with gradient checkpointing, got others"
    )


def check_a_projector_doubles_the_embedding(subject: Subject) -> None:
    """With a second projector, images have [B, 2·D], of which the first half is as before."""
    made = make_layered(subject, "projectors")
    pixels = draw_pixels(made)
    before = made.forward_image(pixels).detach()
    try:
        made.add_projector()
    except ModelError as problem:
        raise NotApplicable(str(problem)) from problem
    after = made.forward_image(pixels).detach()
    assert tuple(after.shape) == (2, 2 * made.embed_dim), (
        f"expected {(2, 2 * made.embed_dim)} with a second projector, got {tuple(after.shape)}"
    )
    assert torch.allclose(after[:, : made.embed_dim], before, atol=1e-5), (
        "expected the first half as before, got another"
    )


def check_inputs_can_be_changed(subject: Subject) -> None:
    """It tells which image sizes it takes, and embeds with patch dropout and with shorter texts."""
    made = make_layered(subject, "inputs")
    made.check_image_size(made.image_size)
    for change, value, off in (
        (made.set_patch_dropout, 0.5, 0.0),
        (made.set_text_length, made.context_length // 2, None),
    ):
        with suppress(ModelError):  # for towers that cannot
            change(value)
        made.module.train()
        embedded = [made.forward_image(draw_pixels(made)), made.forward_text(made.tokenize(TEXTS))]
        assert all(tuple(one.shape) == (2, made.embed_dim) for one in embedded), (
            f"expected {(2, made.embed_dim)} after {change.__name__}({value}), got {[tuple(one.shape) for one in embedded]}"
        )
        with suppress(ModelError):
            change(off)


def check_rare_words_are_of_one_token(subject: Subject) -> None:
    """Its rare words are different, and of one token each."""
    made = make_layered(subject, "text_prefix")
    try:
        words = list(made.rare_words(4))
    except ModelError as problem:
        raise NotApplicable(str(problem)) from problem
    assert len(set(words)) == 4, f"expected 4 different words, got {words}"
    alone, [empty] = made.count_tokens(words), made.count_tokens([""])
    assert all(count == empty + 1 for count in alone), f"expected words of one token, got {[n - empty for n in alone]}"
