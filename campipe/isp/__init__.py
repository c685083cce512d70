"""Raw numbers to a picture. One stage is a file here; `campipe.developing` puts them in a row with a demosaicker."""

from campipe.isp.clip import Clip, ClipHighlights
from campipe.isp.colour_matrix import ColourMatrix
from campipe.isp.exposure import Exposure
from campipe.isp.levels import Levels
from campipe.isp.srgb import SrgbEncode
from campipe.isp.tone_curve import ToneCurve
from campipe.isp.white_balance import SceneBalance, WhiteBalance

__all__ = ["Clip", "ClipHighlights", "ColourMatrix", "Exposure", "Levels", "SceneBalance", "SrgbEncode", "ToneCurve", "WhiteBalance"]
