"""The records of evaluations: measures, figures, and how useful descriptors are."""
