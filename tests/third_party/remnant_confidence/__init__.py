"""An attack of another package."""
