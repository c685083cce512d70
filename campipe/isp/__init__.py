"""Raw numbers to a picture. One stage is a file here; `campipe.developing` puts them in a row with a demosaicker."""

from campipe.isp.auto_white_balance import AutoWhiteBalance, TemperatureBalance
from campipe.isp.chroma_denoise import ChromaDenoise
from campipe.isp.clip import Clip, ClipHighlights
from campipe.isp.colour_matrix import ColourMatrix
from campipe.isp.curves import FilmicCurve, LinearCurve, PointsCurve, PowerCurve
from campipe.isp.defects import CorrectDefects
from campipe.isp.dual_illuminant import DualIlluminantMatrix
from campipe.isp.encode import Decode, Encode
from campipe.isp.exposure import Exposure
from campipe.isp.green_equalisation import EqualiseGreens
from campipe.isp.highlights import RecoverHighlights
from campipe.isp.jpeg import Jpeg
from campipe.isp.levels import Levels
from campipe.isp.linearise import Linearise
from campipe.isp.local_tone import LocalTone
from campipe.isp.noise_profile import EstimateNoise
from campipe.isp.saturation import Saturation
from campipe.isp.shading import CorrectShading
from campipe.isp.sharpen import GuidedSharpen, UnsharpMask
from campipe.isp.srgb import SrgbEncode
from campipe.isp.tone_curve import ToneCurve
from campipe.isp.white_balance import SceneBalance, WhiteBalance

__all__ = [
    "AutoWhiteBalance",
    "ChromaDenoise",
    "Clip",
    "ClipHighlights",
    "ColourMatrix",
    "CorrectDefects",
    "CorrectShading",
    "Decode",
    "DualIlluminantMatrix",
    "Encode",
    "EqualiseGreens",
    "EstimateNoise",
    "Exposure",
    "FilmicCurve",
    "GuidedSharpen",
    "Jpeg",
    "Levels",
    "LinearCurve",
    "Linearise",
    "LocalTone",
    "PointsCurve",
    "PowerCurve",
    "RecoverHighlights",
    "Saturation",
    "SceneBalance",
    "SrgbEncode",
    "TemperatureBalance",
    "ToneCurve",
    "UnsharpMask",
    "WhiteBalance",
]
