"""Demosaickers, one method per file."""

from campipe.blocks.demosaicking.bilinear import Bilinear
from campipe.blocks.demosaicking.hamilton_adams import HamiltonAdams
from campipe.blocks.demosaicking.malvar import Malvar
from campipe.blocks.demosaicking.menon import Menon
from campipe.blocks.demosaicking.residual import Residual
from campipe.blocks.demosaicking.wiener import Wiener

__all__ = ["Bilinear", "HamiltonAdams", "Malvar", "Menon", "Residual", "Wiener"]
