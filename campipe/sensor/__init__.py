"""Photons to digital numbers. Each effect is a file here; `FrameSensor` puts them in the order of the physics."""

from campipe.sensor.charge import DarkCurrent, FullWell, ShotNoise
from campipe.sensor.colour_filter import ColorFilterArray, QuantumEfficiency
from campipe.sensor.dark_frames import DarkFrames, MeasuredDark
from campipe.sensor.exposure import Exposure
from campipe.sensor.fixed_pattern import Dsnu, Prnu
from campipe.sensor.frame_sensor import FrameSensor
from campipe.sensor.readout import Adc, BlackLevel, Gain, ReadNoise, RowNoise

__all__ = [
    "Adc",
    "BlackLevel",
    "ColorFilterArray",
    "DarkCurrent",
    "DarkFrames",
    "Dsnu",
    "Exposure",
    "FrameSensor",
    "FullWell",
    "Gain",
    "MeasuredDark",
    "Prnu",
    "QuantumEfficiency",
    "ReadNoise",
    "RowNoise",
    "ShotNoise",
]
