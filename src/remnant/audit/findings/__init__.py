"""From what attacks claim to rows of the one table of findings, and the controls that stand beside them."""
