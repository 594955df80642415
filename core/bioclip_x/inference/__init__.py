"""The classifier: images → encoder → scorer (with its text bank) → head → predictions and explanation."""
