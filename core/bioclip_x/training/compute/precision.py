"""Chooses the floating-point format of a training step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Literal

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from bioclip_x.errors import TrainingError

Precision = Literal["auto", "fp32", "bf16", "fp16"]


def resolve_precision(precision: Precision, device: torch.device) -> Precision:
    """Resolves "auto" for this device; returns other formats unchanged.

    GPUs use bf16 if they support it, else fp16. CPUs use bf16 only if they multiply it natively (avx512_bf16, AMX), which is
    several times faster than fp32; emulated bf16 is slower.

    Raises TrainingError for fp16 on devices other than CUDA, which have no loss scaling.
    """
    if precision == "fp16" and device.type != "cuda":
        raise TrainingError(f"precision: fp16 trains on CUDA only, and the device is {device}; use bf16 or fp32")
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return "bf16" if device.type == "cpu" and has_native_bf16() else "fp32"


@cache
def has_native_bf16() -> bool:
    """Returns whether the CPU flags report bf16 multiplication in hardware. Takes about a second."""
    try:
        from cpuinfo import get_cpu_info

        flags = get_cpu_info().get("flags", ())
    except (ImportError, OSError, ValueError):
        return False
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags)


@contextmanager
def open_autocast(precision: Precision, device: torch.device) -> Iterator[None]:
    """Opens the context of the towers' forward passes."""
    if precision == "fp32":
        yield
        return
    # torch's fused attention has a slow backward pass in bf16 on CPUs; plain matrix products train a third faster.
    attention = sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()
    with attention, torch.autocast(device.type, dtype=torch.bfloat16 if precision == "bf16" else torch.float16):
        yield
