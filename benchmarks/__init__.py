"""Measurements of speed and memory, a script each. A package, since Opacus installs another of this name."""
