"""The one rule of all verdicts: outcomes of findings and controls, held against limits that were set beforehand, in words."""
