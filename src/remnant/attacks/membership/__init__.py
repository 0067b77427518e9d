"""Membership inference: who of these patients trained the model."""
