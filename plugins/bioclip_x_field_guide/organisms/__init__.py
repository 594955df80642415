"""The body plans: one module per plan, and modules for their patterns."""
