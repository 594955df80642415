"""Checks of callbacks of training runs."""

from __future__ import annotations

from bioclip_x import hookspecs
from bioclip_x.testing.checks import Subject

HOOKS = ("training_started", "training_step_ended", "validated", "epoch_ended", "training_ended")


def check_it_follows_a_run(subject: Subject) -> None:
    """It implements at least one hook of training, marked by @hookimpl, and none that does not exist."""
    callback = subject.make()
    marked = [name for name in dir(callback) if hasattr(getattr(callback, name, None), f"{hookspecs.GROUP}_impl")]
    known = [name for name in marked if name in HOOKS]
    assert known, f"expected a method marked @hookimpl among {', '.join(HOOKS)}, got {', '.join(marked) or 'none'}"
    unknown = [name for name in marked if not hasattr(hookspecs, name)]
    assert not unknown, f"expected hooks that exist, got {', '.join(unknown)}"
