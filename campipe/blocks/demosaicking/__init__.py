"""Demosaickers, one method per file."""

from campipe.blocks.demosaicking.bilinear import Bilinear
from campipe.blocks.demosaicking.malvar import Malvar

__all__ = ["Bilinear", "Malvar"]
