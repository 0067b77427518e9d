"""How cohorts lie on disk: a layout a file, and `read`, which knows them all."""
