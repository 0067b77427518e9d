"""What every room stands on: errors, atomic files, the run directory, seeds, progress, provenance."""
