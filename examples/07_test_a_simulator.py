"""Test somebody else's simulator of a sensor: `python examples/07_test_a_simulator.py emva1288` (or prysm, or galsim, where installed)."""

import sys

import numpy as np
from scipy import stats

from campipe import testing as kit

GAIN, READ, BLACK, SIDE = 0.25, 1.5, 32.0, 256  # DN/e-, e-, DN, px; 12 bits


def emva1288():
    from emva1288.camera.camera import Camera

    numbers = dict(K=GAIN, K_min=GAIN, K_max=1.0, K_steps=4, dark_current_ref=0, dark_signal_0=0.0, sigma2_dark_0=READ**2)
    camera = Camera(bit_depth=12, width=SIDE, height=SIDE, blackoffset=BLACK, seed=1, **numbers)
    return lambda electrons, i: camera.grab(electrons * camera.get_radiance_for(mean=GAIN)), camera.blackoffset


def prysm():
    from prysm.detector import Detector

    detector = Detector(0, READ, bias=BLACK / GAIN, fwc=15000, conversion_gain=1 / GAIN, bits=12, exposure_time=1)
    return lambda electrons, i: detector.expose(np.full((SIDE, SIDE), float(electrons))), BLACK


def galsim():
    import galsim as package

    def expose(electrons, i):
        image = package.ImageD(np.full((SIDE, SIDE), electrons * GAIN))
        image.addNoise(package.CCDNoise(package.BaseDeviate(1 + i + 100 * electrons), gain=1 / GAIN, read_noise=READ))
        return np.rint(image.array + BLACK)

    return expose, BLACK


def law(electrons, black):
    """P(DN = 0 ... 4095) of Poisson counts and normal read noise, rounded."""
    n, edges = np.arange(stats.poisson.isf(1e-13, electrons) + 2), np.r_[-np.inf, np.arange(4095) + 0.5, np.inf]
    return stats.poisson.pmf(n, electrons) @ np.diff(stats.norm.cdf((edges - black - GAIN * n[:, None]) / (GAIN * READ)))


def main(package="emva1288"):
    rate, (expose, black) = kit.Budget(1e-6, tests=5), {"emva1288": emva1288, "prysm": prysm, "galsim": galsim}[package]()
    levels = [[expose(electrons, i) for i in range(2)] for electrons in (25, 100, 400, 1500)]
    for check in (
        *(lambda e=e: kit.assert_distribution(lambda i: expose(e, 9 + i), law(e, black), count=4, false_alarm=rate) for e in (0, 30, 400)),
        lambda: kit.assert_photon_transfer(levels, gain=GAIN, read_noise=READ, black=black, false_alarm=rate),
        lambda: kit.assert_white(lambda i: expose(400, 20 + i), count=8, false_alarm=rate),
    ):
        try:
            print(f"passes  {check()}")
        except kit.VerdictError as failure:
            print(f"FAILS   {failure}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
