"""An audit from its material to results.json, wherever the material is from."""
