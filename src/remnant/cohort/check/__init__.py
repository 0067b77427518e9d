"""What is wrong with a directory of scans, and what in its files says who somebody is.

One check a module, each a `Check` in `directory.CHECKS`; `subject` reads what is checked, `show` prints what was found.
"""

from remnant.cohort.check.base import CheckFinding
from remnant.cohort.check.directory import Report, check_directory

__all__ = ["CheckFinding", "Report", "check_directory"]
