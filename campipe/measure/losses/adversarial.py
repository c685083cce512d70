"""Losses of a generator and a discriminator that learn against each other.

A discriminator's answers are numbers without limits, one per picture or one per patch; each function takes their mean.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn
from torch.nn.functional import softplus


def non_saturating_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """mean softplus(-D(real)) + mean softplus(D(fake)): cross-entropy of the right answers.

    real, fake   (B, ...), answers to photos and to made pictures
    returns      (); 2 ln 2 where all answers are 0

    Source: Goodfellow et al., "Generative adversarial nets", NIPS 2014.
    """
    return softplus(-real).mean() + softplus(fake).mean()


def non_saturating_generator(fake: Tensor) -> Tensor:
    """mean softplus(-D(fake)): its gradient does not fade while the discriminator is sure.

    fake      (B, ...)
    returns   (); ln 2 where all answers are 0

    Source: Goodfellow et al., NIPS 2014.
    """
    return softplus(-fake).mean()


def least_squares_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """mean (D(real) - 1)^2 + mean D(fake)^2; the paper prints half of it.

    real, fake   (B, ...)
    returns      (), >= 0

    Source: Mao et al., "Least squares generative adversarial networks", ICCV 2017.
    """
    return (real - 1).square().mean() + fake.square().mean()


def least_squares_generator(fake: Tensor) -> Tensor:
    """mean (D(fake) - 1)^2; the paper prints half of it. fake: (B, ...); returns (). Source: Mao et al., ICCV 2017."""
    return (fake - 1).square().mean()


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """mean relu(1 - D(real)) + mean relu(1 + D(fake)): answers beyond 1 are right enough.

    real, fake   (B, ...)
    returns      (), >= 0

    Gradient: exact, 0 at the corners. Source: Lim and Ye, "Geometric GAN", arXiv 1705.02894, 2017.
    """
    return (1 - real).relu().mean() + (1 + fake).relu().mean()


def hinge_generator(fake: Tensor) -> Tensor:
    """-mean D(fake). fake: (B, ...); returns (). Source: Lim and Ye, arXiv 1705.02894, 2017."""
    return -fake.mean()


def relativistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Half of mean softplus(-(D(real) - mean D(fake))) + mean softplus(D(fake) - mean D(real)).

    real, fake   (B, ...); the inner means are over all of them
    returns      (); ln 2 where all answers are equal

    The paper's is twice it. Source: Jolicoeur-Martineau, "The relativistic discriminator: a key element missing from standard GAN",
    ICLR 2019, the average form.
    """
    return 0.5 * (softplus(fake.mean() - real).mean() + softplus(fake - real.mean()).mean())


def relativistic_generator(real: Tensor, fake: Tensor) -> Tensor:
    """`relativistic_discriminator` with the parts of photos and made pictures exchanged; photos have a gradient here too."""
    return relativistic_discriminator(fake, real)


def relativistic_least_squares_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """mean (D(real) - mean D(fake) - 1)^2 + mean (D(fake) - mean D(real) + 1)^2.

    real, fake   (B, ...); the inner means are over all of them
    returns      (), >= 0

    Source: Kupyn et al., "DeblurGAN-v2", ICCV 2019.
    """
    return (real - fake.mean() - 1).square().mean() + (fake - real.mean() + 1).square().mean()


def relativistic_least_squares_generator(real: Tensor, fake: Tensor) -> Tensor:
    """`relativistic_least_squares_discriminator` with the parts of photos and made pictures exchanged."""
    return relativistic_least_squares_discriminator(fake, real)


def wasserstein_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """mean D(fake) - mean D(real); to be taken with `gradient_penalty`.

    real, fake   (B, ...)
    returns      ()

    Source: Arjovsky, Chintala, Bottou, "Wasserstein generative adversarial networks", ICML 2017.
    """
    return fake.mean() - real.mean()


def wasserstein_generator(fake: Tensor) -> Tensor:
    """-mean D(fake). fake: (B, ...); returns (). Source: Arjovsky et al., ICML 2017."""
    return -fake.mean()


class AdversarialLoss(nn.Module):
    """The two sides of an adversarial loss. To be implemented: `discriminator` and `generator`.

    Called, it is the generator's side, which trains the picture.
    """

    title: ClassVar[str] = ""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the discriminator minimises, (); `fake` are answers to detached pictures."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its discriminator minimises")

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the generator minimises, (); `real` counts in the relativistic losses alone."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its generator minimises")

    def forward(self, real: Tensor, fake: Tensor) -> Tensor:
        return self.generator(real, fake)


class NonSaturatingLoss(AdversarialLoss):
    """`non_saturating_discriminator` and `non_saturating_generator`."""

    title = "non-saturating"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return non_saturating_discriminator(real, fake)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return non_saturating_generator(fake)


class LeastSquaresLoss(AdversarialLoss):
    """`least_squares_discriminator` and `least_squares_generator`."""

    title = "least-squares"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return least_squares_discriminator(real, fake)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return least_squares_generator(fake)


class HingeLoss(AdversarialLoss):
    """`hinge_discriminator` and `hinge_generator`."""

    title = "hinge"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return hinge_discriminator(real, fake)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return hinge_generator(fake)


class RelativisticLoss(AdversarialLoss):
    """`relativistic_discriminator` and `relativistic_generator`."""

    title = "relativistic"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return relativistic_discriminator(real, fake)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return relativistic_generator(real, fake)


class RelativisticLeastSquaresLoss(AdversarialLoss):
    """`relativistic_least_squares_discriminator` and `relativistic_least_squares_generator`."""

    title = "relativistic-least-squares"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return relativistic_least_squares_discriminator(real, fake)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return relativistic_least_squares_generator(real, fake)


class WassersteinLoss(AdversarialLoss):
    """`wasserstein_discriminator` and `wasserstein_generator`."""

    title = "wasserstein"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return wasserstein_discriminator(real, fake)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return wasserstein_generator(fake)


ADVERSARIAL: dict[str, type[AdversarialLoss]] = {
    kind.title: kind
    for kind in (NonSaturatingLoss, LeastSquaresLoss, HingeLoss, RelativisticLoss, RelativisticLeastSquaresLoss, WassersteinLoss)
}
"""Every adversarial loss by its name."""
