"""The one training loop, the device it runs on, and cells: the independent pieces of a study."""
