"""Which number format a step computes in."""

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
    """The format that "auto" stands for on this device; others are returned as they are.

    A GPU takes bf16 where it has it, else fp16. A CPU takes bf16 only where it multiplies it natively (avx512_bf16,
    AMX), where it is several times faster than fp32; elsewhere it would be emulated, and slower.

    Raises TrainingError for fp16 off CUDA: its loss scaling is there only.
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
    """Whether this CPU says that it multiplies bf16 in hardware. Asking it takes about a second."""
    try:
        from cpuinfo import get_cpu_info

        flags = get_cpu_info().get("flags", ())
    except (ImportError, OSError, ValueError):
        return False
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags)


@contextmanager
def open_autocast(precision: Precision, device: torch.device) -> Iterator[None]:
    """The context that the towers' forward passes run in."""
    if precision == "fp32":
        yield
        return
    # torch's fused attention for CPUs has a slow backward pass in bf16; plain matrix products train a third faster.
    attention = sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()
    with attention, torch.autocast(device.type, dtype=torch.bfloat16 if precision == "bf16" else torch.float16):
        yield
