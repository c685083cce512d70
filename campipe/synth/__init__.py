"""Samples by number: drawn, photographed, served to training and written to disk. `synth.run` does a whole data set."""

from __future__ import annotations

from campipe.synth.dataset import PairDataset
from campipe.synth.photos import Photos
from campipe.synth.run import Summary, run
from campipe.synth.sample import Sample, collate

__all__ = ["PairDataset", "Photos", "Sample", "Summary", "collate", "run"]
