"""A training run watches itself: what freezes, dies, explodes or stops being a number is named."""

from foldwright.training.health.findings import Finding, Kind, Limits, described, stop_if_fatal
from foldwright.training.health.watch import Health, untaught_parts

__all__ = ["Finding", "Health", "Kind", "Limits", "described", "stop_if_fatal", "untaught_parts"]
