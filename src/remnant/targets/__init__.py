"""The model under audit: train recipes, checkpoints, and exactly what an attacker may see of it."""
