"""What a training minimises: losses of an estimate and a target, and of a generator and a discriminator.

Each is a function and a module that keeps its options: `l1_loss(x, y)` and `L1Loss()(x, y)`. They give the mean over the pictures, and with
reduction="none" one number per picture.
"""

from campipe.measure.losses.adversarial import (
    ADVERSARIAL,
    AdversarialLoss,
    HingeLoss,
    LeastSquaresLoss,
    NonSaturatingLoss,
    RelativisticLeastSquaresLoss,
    RelativisticLoss,
    WassersteinLoss,
    hinge_discriminator,
    hinge_generator,
    least_squares_discriminator,
    least_squares_generator,
    non_saturating_discriminator,
    non_saturating_generator,
    relativistic_discriminator,
    relativistic_generator,
    relativistic_least_squares_discriminator,
    relativistic_least_squares_generator,
    wasserstein_discriminator,
    wasserstein_generator,
)
from campipe.measure.losses.anneal import Exponential, Linear
from campipe.measure.losses.annealed_l0 import AnnealedL0Loss, annealed_l0_loss
from campipe.measure.losses.burst import KPNLoss, kpn_loss
from campipe.measure.losses.differences import (
    GradientDifferenceLoss,
    GradientLoss,
    TotalVariationLoss,
    gradient_difference_loss,
    gradient_loss,
    total_variation_loss,
)
from campipe.measure.losses.lpips import LPIPS, lpips, lpips_weights
from campipe.measure.losses.ms_ssim_l1 import (
    DenseMSSSIMLoss,
    MSSSIML1Loss,
    PyramidMSSSIML1Loss,
    dense_ms_ssim_loss,
    ms_ssim_l1_loss,
    pyramid_ms_ssim_l1_loss,
)
from campipe.measure.losses.penalties import GradientPenalty, R1Penalty, gradient_penalty, r1_penalty
from campipe.measure.losses.perceptual import ContentLoss, PerceptualLoss, content_loss, perceptual_loss
from campipe.measure.losses.pixel import CharbonnierLoss, L1Loss, L2Loss, charbonnier_loss, l1_loss, l2_loss
from campipe.measure.losses.relative_l2 import RelativeL2Loss, relative_l2_loss
from campipe.measure.losses.rendered import Rendered
from campipe.measure.losses.sparsity import SparsityLoss, sparsity_loss
from campipe.measure.losses.structural import MSSSIMLoss, SSIMLoss, ms_ssim_loss, ssim_loss
from campipe.measure.losses.style import StyleLoss, gram_matrix, style_loss

__all__ = [
    "ADVERSARIAL",
    "AdversarialLoss",
    "AnnealedL0Loss",
    "CharbonnierLoss",
    "ContentLoss",
    "DenseMSSSIMLoss",
    "Exponential",
    "GradientDifferenceLoss",
    "GradientLoss",
    "GradientPenalty",
    "HingeLoss",
    "KPNLoss",
    "L1Loss",
    "L2Loss",
    "LPIPS",
    "LeastSquaresLoss",
    "Linear",
    "MSSSIML1Loss",
    "MSSSIMLoss",
    "NonSaturatingLoss",
    "PerceptualLoss",
    "PyramidMSSSIML1Loss",
    "R1Penalty",
    "RelativeL2Loss",
    "RelativisticLeastSquaresLoss",
    "RelativisticLoss",
    "Rendered",
    "SSIMLoss",
    "SparsityLoss",
    "StyleLoss",
    "TotalVariationLoss",
    "WassersteinLoss",
    "annealed_l0_loss",
    "charbonnier_loss",
    "content_loss",
    "dense_ms_ssim_loss",
    "gradient_difference_loss",
    "gradient_loss",
    "gradient_penalty",
    "gram_matrix",
    "hinge_discriminator",
    "hinge_generator",
    "kpn_loss",
    "l1_loss",
    "l2_loss",
    "least_squares_discriminator",
    "least_squares_generator",
    "lpips",
    "lpips_weights",
    "ms_ssim_l1_loss",
    "ms_ssim_loss",
    "non_saturating_discriminator",
    "non_saturating_generator",
    "perceptual_loss",
    "pyramid_ms_ssim_l1_loss",
    "r1_penalty",
    "relative_l2_loss",
    "relativistic_discriminator",
    "relativistic_generator",
    "relativistic_least_squares_discriminator",
    "relativistic_least_squares_generator",
    "sparsity_loss",
    "ssim_loss",
    "style_loss",
    "total_variation_loss",
    "wasserstein_discriminator",
    "wasserstein_generator",
]
