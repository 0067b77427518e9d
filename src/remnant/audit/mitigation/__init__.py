"""Defences tried on an owner's training: each trained anew, audited again, and set beside what it costs."""
