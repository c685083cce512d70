from __future__ import annotations

import numpy as np
import pytest
import torch

from campipe.ops import illuminants as light

TEMPERATURES = (1500.0, 2500.0, 2856.0, 3500.0, 4500.0, 5500.0, 6504.0, 8000.0, 12000.0)


def test_black_bodies_are_where_planck_puts_them():
    import colour

    for cct in TEMPERATURES:
        ours = light.planckian_uv(torch.tensor(cct)).numpy()
        np.testing.assert_allclose(ours, colour.temperature.CCT_to_uv_Krystek1985(cct), rtol=1e-12)
        # Krystek states 8e-5 for his fit; Planck's law itself, integrated with the 1931 observer by 1 nm, agrees nearly.
        np.testing.assert_allclose(ours, colour.temperature.CCT_to_uv_Planck1900(cct)[:2], atol=1.5e-4)


def test_daylight_is_where_the_cie_puts_it():
    import colour

    for cct in (4000.0, 5000.0, 6504.0, 7000.0, 7001.0, 10000.0, 25000.0):
        ours = light.daylight_xy(torch.tensor(cct)).numpy()
        np.testing.assert_allclose(ours, colour.temperature.CCT_to_xy_CIE_D(cct), atol=1e-7)
    np.testing.assert_allclose(light.daylight_xy(torch.tensor(6504.0)).numpy(), (0.3127, 0.3290), atol=2e-4)


def test_coordinates_change_there_and_back():
    import colour

    xy = torch.rand(20, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 0.3 + 0.2
    np.testing.assert_allclose(light.xy_to_uv(xy).numpy(), colour.UCS_to_uv(colour.XYZ_to_UCS(light.xy_to_xyz(xy).numpy())), rtol=1e-12)
    assert torch.allclose(light.uv_to_xy(light.xy_to_uv(xy)), xy, rtol=1e-12)
    assert torch.allclose(light.xyz_to_xy(light.xy_to_xyz(xy)), xy, rtol=1e-12)


def test_the_temperature_of_a_black_body_is_its_own():
    cct = torch.linspace(1000, 25000, 200, dtype=torch.float64)
    assert torch.allclose(light.xy_to_cct(light.planckian_xy(cct)), cct, rtol=1e-7)


@pytest.mark.parametrize("duv", [-0.01, 0.0, 0.01])
def test_the_temperature_off_the_locus_is_that_of_ohno(duv):
    import colour

    for cct in (2500.0, 4000.0, 6500.0, 10000.0):
        uv = colour.temperature.CCT_to_uv_Ohno2013(np.array([cct, duv]))
        ours = float(light.xy_to_cct(light.uv_to_xy(torch.from_numpy(uv))))
        assert ours == pytest.approx(cct, rel=0.004)  # 8e-5 in u and v is up to 0.4 % at 10000 K


def test_gradients_are_those_of_the_forward():
    xy = (torch.tensor([[0.45, 0.41], [0.3457, 0.3585], [0.31, 0.33]], dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(light.xy_to_cct, xy, eps=1e-7, rtol=1e-3)
    cct = torch.tensor([2000.0, 5000.0, 9000.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(light.light_xy, cct, eps=1e-2)


def test_the_lights_of_exif_are_those_of_the_dng_sdk():
    assert (light.EXIF_CCT[17], light.EXIF_CCT[21], light.EXIF_CCT[23]) == (2850.0, 6500.0, 5000.0)
    assert all(light.LOWEST < cct < light.HIGHEST for cct in light.EXIF_CCT.values())
