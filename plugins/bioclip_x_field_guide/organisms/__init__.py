"""The body plans: one module draws each, with its patterns beside it."""
