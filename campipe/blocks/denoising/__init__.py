"""Denoisers, one method per file."""
