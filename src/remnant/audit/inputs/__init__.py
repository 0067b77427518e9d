"""What may be handed over for an audit: a folder, a table of scores, a framework's folds, a file alone, a Privacy-Net."""
