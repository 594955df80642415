"""How good predictions are, and how far their numbers can be trusted: pure functions of numbers."""
