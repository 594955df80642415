"""How messages put things."""

from collections.abc import Sequence


def some(names: Sequence[str], most: int = 5) -> str:
    """The first few of many names, and how many more there are.

    >>> some(["a", "b", "c"], most=2)
    'a, b, … (1 more)'
    """
    return ", ".join(names[:most]) + (f", … ({len(names) - most} more)" if len(names) > most else "")
