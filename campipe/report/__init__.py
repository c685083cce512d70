"""Plots and pages: one HTML file each, that opens anywhere without a network. matplotlib is loaded here only."""

from campipe.report.describe import Description, describe

__all__ = ["Description", "describe"]
