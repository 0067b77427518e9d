"""The owner's own code, `target.py`, and what it hands over: images, labels, patients and a training."""
