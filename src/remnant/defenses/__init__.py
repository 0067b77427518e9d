"""Defences, each a trained target or an encoder in front of one, so that every attack runs on it."""
