"""Joins the stages: sources → decoding → encoder → scorer (with its text bank) → head → explanation → report."""
