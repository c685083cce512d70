"""Pairs of raw frames of all cameras, made where a net is trained."""

from campipe.train.raw.cameras import CameraTable
from campipe.train.raw.sampler import RawBatch, RawSampler

__all__ = ["CameraTable", "RawBatch", "RawSampler"]
