"""The exposure by other libraries, each in its own manner: plain torch, GalSim and Pyxel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from campipe.jobs.bench_numpy import Chain, response_map


def torch_eager(photons: np.ndarray, chain: Chain) -> Callable[[], Any]:
    """Whole-frame operations of torch, float32, in place where it lets one; the PRNU map is ready."""
    light = torch.from_numpy(photons)
    response = torch.from_numpy(response_map(chain, photons.shape))
    generator = torch.Generator().manual_seed(1)

    def expose() -> torch.Tensor:
        rate = light * response
        rate += chain.dark * chain.seconds
        counts = torch.poisson(rate, generator=generator).clamp_(max=chain.full_well)
        counts += torch.randn(counts.shape, generator=generator).mul_(chain.read_noise)
        return counts.mul_(chain.gain).add_(chain.black_level).round_().clamp_(0, chain.top)

    return expose


def galsim_ccd(photons: np.ndarray, chain: Chain) -> Callable[[], Any]:
    """GalSim: an image in e-, CCDNoise for counting and reading, then whole numbers; the PRNU map is ready."""
    import galsim

    response = response_map(chain, photons.shape)
    noise = galsim.CCDNoise(galsim.BaseDeviate(1), gain=1.0, read_noise=chain.read_noise)

    def expose() -> Any:
        image = galsim.Image(photons * response)
        values = image.array
        values += np.float32(chain.dark * chain.seconds)
        image.addNoise(noise)
        np.minimum(values, np.float32(chain.full_well), out=values)
        values *= np.float32(chain.gain)
        values += np.float32(chain.black_level)
        image.quantize()
        return np.clip(values, 0, np.float32(chain.top), out=values)

    return expose


def pyxel_stock(photons: np.ndarray, chain: Chain) -> Callable[[], Any]:
    """Pyxel's stock models of a CMOS detector in their order, as its own example configurations chain them."""
    from pyxel.detectors import CMOS, Characteristics, CMOSGeometry, Environment
    from pyxel.detectors.charge_to_volt_settings import ChargeToVoltSettings
    from pyxel.models import charge_collection, charge_generation, charge_measurement, photon_collection, readout_electronics

    volt = 1e-6  # V/e-
    detector = CMOS(
        geometry=CMOSGeometry(row=photons.shape[0], col=photons.shape[1], pixel_vert_size=5.0, pixel_horz_size=5.0),
        environment=Environment(temperature=293.15),
        characteristics=Characteristics(
            quantum_efficiency=chain.quantum_efficiency,
            charge_to_volt=ChargeToVoltSettings(value=volt),
            pre_amplification=100.0,
            full_well_capacity=int(chain.full_well),
            adc_bit_resolution=chain.bits,
            adc_voltage_range=(0.0, 100.0 * volt * chain.top / chain.gain),
        ),
    )
    detector.set_readout(times=[chain.seconds])
    light = photons.astype(float)

    def expose() -> Any:
        detector.empty()
        detector.time_step = chain.seconds
        detector.photon.array = light
        photon_collection.shot_noise(detector)
        charge_generation.simple_conversion(detector)
        charge_generation.simple_dark_current(detector, dark_rate=chain.dark)
        charge_collection.simple_collection(detector)
        charge_collection.fixed_pattern_noise(detector, fixed_pattern_noise_factor=chain.prnu)
        charge_collection.simple_full_well(detector)
        charge_measurement.simple_measurement(detector)
        charge_measurement.output_node_noise(detector, std_deviation=chain.read_noise * volt)
        readout_electronics.simple_amplifier(detector)
        readout_electronics.simple_adc(detector, data_type="uint16")
        return detector.image.array

    return expose
