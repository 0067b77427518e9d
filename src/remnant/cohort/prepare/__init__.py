"""From files to images that networks take: heads on one grid, radiographs as squares; kept in a cache."""
