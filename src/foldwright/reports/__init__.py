"""Pages and pictures of what was predicted: one file per job, which opens without a network."""

from foldwright.reports.figures import write_figures
from foldwright.reports.index import write_index
from foldwright.reports.page import write_report

__all__ = ["write_figures", "write_index", "write_report"]
