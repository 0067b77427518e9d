"""Patients: cases, sessions, layouts on disk, splits by patient, preparation, phantoms."""
