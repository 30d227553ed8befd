"""What a run is held against, and how it is shown: LightGBM, figures, report, summary."""

from leadrank.evaluation.lightgbm import fit_lightgbm
from leadrank.evaluation.report import write_report
from leadrank.evaluation.summary import summary
from leadrank.evaluation.verdict import paired_differences, verdict

__all__ = ["fit_lightgbm", "paired_differences", "summary", "verdict", "write_report"]
