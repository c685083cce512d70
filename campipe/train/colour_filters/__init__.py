"""Colour filters that are learned: a pattern on the sensor and the net that reads it, trained together through photon noise."""

from campipe.train.colour_filters.filters import BANK, FilterPattern
from campipe.train.colour_filters.net import PatternNet
from campipe.train.colour_filters.task import READ_NOISE, ColourFilters, expose

__all__ = ["BANK", "READ_NOISE", "ColourFilters", "FilterPattern", "PatternNet", "expose"]
