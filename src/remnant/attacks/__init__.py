"""Attacks, one a file. Each takes an access of the target and the attacker's own images, and nothing else."""
