"""What is known of the sensors of the library besides their noise: size, filters, bits and pitch, and who says so.

Sizes and pitches are the makers'; the order of the filters is that of the open drivers' unflipped readout, and is stated as assumed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from campipe.calibrate.published.contents import assumed
from campipe.core.profile_writing import entry

SMALL = (
    "No figure is published for this sensor. Chosen within what is usual for small back-illuminated sensors: read noise 2 to 4 e-, "
    "PRNU 0.5 to 1 %, DSNU and dark current around 1 e- and 1 e-/s at 20 C, doubling in 6 to 9 K, quantum efficiency 0.5 to 0.7."
)
LARGE = (
    "No figure is published for this camera. Chosen within what is usual for APS-C sensors: PRNU 0.3 to 1 %, DSNU around 1 e-, dark "
    "current below 1 e-/s at 20 C that doubles in 6 to 9 K, quantum efficiency 0.5 to 0.7, blur about half a pixel, corners that lose a "
    "fifth to a third."
)


class Maker(NamedTuple):
    """One sensor. `stated` names what its maker states among width, height, bits, pitch; the rest is assumed.

    tuning     stem of libcamera's tuning file, where there is one
    pattern    letters, or "mono"
    bits       of the raw format that the published numbers go with
    pitch      um
    top_gain   largest analogue gain
    """

    title: str
    width: int
    height: int
    pattern: str
    bits: int
    pitch: float
    source: str
    tuning: str = ""
    top_gain: float = 16.0
    stated: tuple[str, ...] = ("width", "height", "bits", "pitch")


def part(maker: Maker, assumptions: str = SMALL, pattern_note: str = "of unflipped readout, as open drivers have it") -> dict[str, Any]:
    """Size, filters, bits and pitch as part of a profile's contents."""

    def known(name: str, value: Any) -> dict[str, Any]:
        return entry(value, status="datasheet", source="maker") if name in maker.stated else assumed(value)

    return {
        "title": maker.title,
        "sources": {"maker": maker.source, "assumed": assumptions},
        "sensor": {
            "width": known("width", maker.width),
            "height": known("height", maker.height),
            "pattern": known("pattern", maker.pattern) if maker.pattern == "mono" else assumed(maker.pattern, pattern_note),
            "bits": known("bits", maker.bits),
        },
        "optics": {"pixel_pitch": known("pitch", maker.pitch), "blur": assumed(0.5 if assumptions == LARGE else 0.6)},
    }


def _sony(name: str, size: tuple[int, int], pattern: str, bits: int, pitch: float, **more: Any) -> Maker:
    words = f"Sony, product information of the {name}: {size[0]} x {size[1]} recording pixels of {pitch:g} um, raw output of {bits} bits"
    return Maker(more.pop("title", f"Sony {name}"), *size, pattern, bits, pitch, words, **more)


def _pi(title: str, name: str, size: tuple[int, int], pattern: str, bits: int, pitch: float, **more: Any) -> Maker:
    words = f"Raspberry Pi, camera documentation: {size[0]} x {size[1]} pixels of {pitch:g} um, raw format of {bits} bits"
    return Maker(f"{title} ({name})", *size, pattern, bits, pitch, words, **more)


TUNED = {
    "imx283": _sony("IMX283", (5472, 3648), "RGGB", 12, 2.4, tuning="imx283", top_gain=22),
    "imx290": _sony("IMX290", (1920, 1080), "RGGB", 12, 2.9, tuning="imx290"),
    "imx327": _sony("IMX327", (1920, 1080), "RGGB", 12, 2.9, tuning="se327m12", title="Soho Enterprise SE327M12 (IMX327)"),
    "imx335": _sony("IMX335", (2592, 1944), "RGGB", 12, 2.0, tuning="imx335"),
    "imx378": _sony("IMX378", (4056, 3040), "RGGB", 12, 1.55, tuning="imx378", top_gain=22),
    "imx415": _sony("IMX415", (3840, 2160), "GBRG", 10, 1.45, tuning="imx415"),
    "imx462": _sony("IMX462", (1920, 1080), "RGGB", 12, 2.9, tuning="imx462"),
    "imx519": _sony("IMX519", (4656, 3496), "RGGB", 10, 1.22, tuning="imx519"),
    "ov64a40": Maker(
        "OmniVision OV64A40", 9248, 6944, "BGGR", 10, 1.008,
        "OmniVision, product brief of the OV64A: 9248 x 6944 pixels of 1.008 um, 10-bit raw", "ov64a40",
    ),
    "rpi-imx296": _pi("Raspberry Pi Global Shutter Camera", "IMX296", (1456, 1088), "BGGR", 10, 3.45, tuning="imx296"),
    "rpi-imx296-mono": _pi(
        "Global shutter camera without filters", "IMX296, mono", (1456, 1088), "mono", 10, 3.45, tuning="imx296_mono",
        stated=("width", "height", "bits", "pitch", "pattern"),
    ),
    "rpi-imx500": _pi("Raspberry Pi AI Camera", "IMX500", (4056, 3040), "RGGB", 10, 1.55, tuning="imx500"),
    "rpi-imx708": _pi("Raspberry Pi Camera Module 3", "IMX708", (4608, 2592), "RGGB", 10, 1.4, tuning="imx708"),
    "rpi-ov5647": _pi("Raspberry Pi Camera Module 1", "OV5647", (2592, 1944), "BGGR", 10, 1.4, tuning="ov5647"),
    "vd56g3": Maker(
        "STMicroelectronics VD66GY (VD56G3 with filters)", 1120, 1360, "GRBG", 10, 2.61,
        "STMicroelectronics, data brief of the VD56G3 and VD66GY: 1.5 megapixels of 2.61 um, 10-bit raw", "vd56g3", 8.0, ("bits", "pitch"),
    ),
    "vd56g3-mono": Maker(
        "STMicroelectronics VD56G3, mono", 1120, 1360, "mono", 10, 2.61,
        "STMicroelectronics, data brief of the VD56G3 and VD66GY: 1.5 megapixels of 2.61 um, 10-bit raw", "vd56g3_mono", 8.0,
        ("bits", "pitch", "pattern"),
    ),
}  # fmt: skip
"""Sensors whose gain, full well, black level and colour come from libcamera's tuning files."""

_CANON = "Canon, specifications of the EOS {}: {} x {} pixels on {} mm, 14-bit raw"
MEASURED = {
    "canon-70d": Maker("Canon EOS 70D", 5472, 3648, "RGGB", 14, 4.11, _CANON.format("70D", 5472, 3648, "22.5 x 15.0")),
    "canon-700d": Maker("Canon EOS 700D", 5184, 3456, "RGGB", 14, 4.3, _CANON.format("700D", 5184, 3456, "22.3 x 14.9")),
    "google-pixel": Maker(
        "Google Pixel, main camera (IMX378)", 4048, 3036, "BGGR", 10, 1.55,
        "Google, specifications of the Pixel: 12.3 megapixels of 1.55 um",
        stated=("pitch",),
    ),
    "imx385": Maker(
        "Surveillance camera with IMX385 (CRVD)", 1920, 1080, "GBRG", 12, 3.75,
        "Sony, product information of the IMX385: 1945 x 1097 effective pixels of 3.75 um, raw output of 10 and 12 bits",
        stated=("bits", "pitch"),
    ),
    "oppo-reno10x": Maker(
        "OPPO Reno 10x, main camera", 4000, 3000, "BGGR", 10, 1.6,
        "OPPO, specifications of the Reno 10x zoom: 48 megapixels of 0.8 um, four to one",
        stated=("pitch",),
    ),
    "phone-imx686": Maker(
        "Smartphone with IMX686", 4624, 3472, "RGGB", 10, 1.6,
        "Sony, product information of the IMX686: 9248 x 6944 pixels of 0.8 um, four to one",
        stated=("width", "height", "pitch"),
    ),
}  # fmt: skip
"""Cameras whose gain and noise come from the calibrations of papers."""
