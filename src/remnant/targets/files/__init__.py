"""Files of weights from strangers: what kind they are, and their tensors, without running anything of theirs."""
