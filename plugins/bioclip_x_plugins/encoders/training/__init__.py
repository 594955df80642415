"""What only training needs of an open_clip model: its depth, its input size, its projections."""
