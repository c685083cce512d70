"""How far a picture is from another one: measures that give one number per picture and have gradients.

Each is a function and a module of the same name that keeps its options: `psnr(x, y, data_range=1.0)` and `PSNR(data_range=1.0)(x, y)`.
What a training minimises is in `losses`, and the networks of perceptual losses in `features`.
"""

from campipe.measure import features as features
from campipe.measure import losses as losses
from campipe.measure.ciede2000 import CIEDE2000, ciede2000
from campipe.measure.mae import MAE, MSE, mae, mse
from campipe.measure.psnr import PSNR, psnr
from campipe.measure.ssim import MSSSIM, SSIM, ms_ssim, ssim

__all__ = ["CIEDE2000", "MAE", "MSE", "MSSSIM", "PSNR", "SSIM", "ciede2000", "mae", "ms_ssim", "mse", "psnr", "ssim"]
