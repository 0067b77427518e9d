"""The server: segmenters behind the Open Inference Protocol, for codes and nothing else of a patient."""
