"""The learned blocks that a recipe can train: the block, its task, and what a recipe says of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from campipe.blocks.deblurring.nafnet import Nafnet
from campipe.blocks.deblurring.wiener_net import WienerNet
from campipe.blocks.demosaicking.joint import Joint
from campipe.blocks.demosaicking.residual import Residual
from campipe.blocks.denoising.raw_unet import RawUnet
from campipe.blocks.denoising.unet import Unet
from campipe.blocks.learned.base import Learned
from campipe.blocks.super_resolving.srresnet import SrResNet
from campipe.train.deblurring.task import Deblurring
from campipe.train.demosaicking import Demosaicking
from campipe.train.denoising import Denoising
from campipe.train.jdd.joint import JointDemosaicking
from campipe.train.raw.task import RawDenoising
from campipe.train.sections import Channels, Count, Data, Levels, NoisyData, Number, Strict, Whole
from campipe.train.super_resolution.task import SuperResolution
from campipe.train.task import Task


@dataclass(frozen=True)
class Kind:
    """A block that can be trained.

    block     its class
    task      called with (block, crops, loss, name of the loss) and the fields that `data` has beside those of `Data`, by name
    network   model of the recipe's section `network`: options of the block
    data      model of the recipe's section `data`
    """

    block: type[Learned]
    task: Callable[..., Task]
    network: type[Strict]
    data: type[Data]


class ResidualNetwork(Strict):
    weights: str | None = None
    width: Count | None = None
    blocks: Whole | None = None


class UnetNetwork(ResidualNetwork):
    channels: Channels | None = None
    coarse: Count | None = None


class SuperResolvingNetwork(ResidualNetwork):
    factor: Count | None = None


class NoisyMosaic(Data):
    sigma: Levels = (0.0, 20.0)


class GatedNetwork(ResidualNetwork):
    blocks: Count | None = None
    coarse: Count | None = None


class ShakenData(Data):
    sigma: Levels = (0.25, 10.0)
    shakes: Count = 512


class RawNetwork(ResidualNetwork):
    blocks: Count | None = None
    coarse: Count | None = None
    bounded: bool | None = None


class RawData(Data):
    held_out_cameras: tuple[str, ...] = ()
    ev: tuple[float, float] = (-4.0, 0.5)
    seconds: tuple[Number, Number] = (1 / 1000, 1 / 4)


_KINDS = (
    Kind(Residual, Demosaicking, ResidualNetwork, Data),
    Kind(Joint, JointDemosaicking, ResidualNetwork, NoisyMosaic),
    Kind(Unet, Denoising, UnetNetwork, NoisyData),
    Kind(RawUnet, RawDenoising, RawNetwork, RawData),
    Kind(SrResNet, SuperResolution, SuperResolvingNetwork, Data),
    Kind(Nafnet, Deblurring, GatedNetwork, ShakenData),
    Kind(WienerNet, Deblurring, GatedNetwork, ShakenData),
)

KINDS: dict[str, Kind] = {kind.block.block: kind for kind in _KINDS}
"""By slot and name, as recipes and files of weights have it."""
