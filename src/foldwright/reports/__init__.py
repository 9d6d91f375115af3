"""Pages and pictures of what was predicted: one file per job, which opens without a network."""

from foldwright.reports.page import write_report

__all__ = ["write_report"]
