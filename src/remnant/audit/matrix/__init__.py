"""Every attack on every defence, of several networks: their mitigations one after the other, side by side."""
