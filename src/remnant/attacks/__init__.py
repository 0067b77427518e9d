"""Attacks: what somebody learns of patients from what he sees of a model. `registry.ATTACKS` lists them."""
