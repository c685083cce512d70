"""Deblurrers, one method per file."""

from campipe.blocks.deblurring.blind import Blind
from campipe.blocks.deblurring.hyper_laplacian import HyperLaplacian
from campipe.blocks.deblurring.richardson_lucy import RichardsonLucy
from campipe.blocks.deblurring.wiener import Wiener

__all__ = ["Blind", "HyperLaplacian", "RichardsonLucy", "Wiener"]
