"""Defences: what lowers how much of a patient a model, its file or what it is sent gives away. `registry.DEFENSES` lists them."""
