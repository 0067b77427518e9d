"""Pure functions of arrays: similarity, overlap, identity, intervals."""
