"""Deblurrers, one method per file."""
