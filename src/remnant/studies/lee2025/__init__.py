"""Lee 2025: a prior tuned to a classifier's checkpoint, in two stages, and what that leaks of the training patients."""
