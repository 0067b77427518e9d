"""A paper each: the experiment that it describes, with the controls it lacked, from cohort to report."""
