"""Several finished audits, held against each other by patient."""
