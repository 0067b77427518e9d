"""Attacks on a classifier of radiographs of which nothing but the checkpoint is known (Lee 2025)."""
