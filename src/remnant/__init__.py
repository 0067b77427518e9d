"""Remnant: how much of a patient is left in a medical-imaging model."""

__version__ = "0.1.0"
