"""Plots and pages: one HTML file each, that opens anywhere without a network. matplotlib is loaded here only."""
