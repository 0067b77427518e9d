"""Lee 2025: a prior tuned to a classifier's checkpoint, in two stages, and what that leaks of the training patients."""

from remnant.studies.lee2025.checkpoint import audit_checkpoint
from remnant.studies.lee2025.settings import CheckpointSettings, StudySettings, checkpoint_preset, preset
from remnant.studies.lee2025.study import run_study

__all__ = ["CheckpointSettings", "StudySettings", "audit_checkpoint", "checkpoint_preset", "preset", "run_study"]
