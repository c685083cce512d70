from __future__ import annotations

import io

import numpy as np
import pytest
import torch

from campipe import isp
from campipe.core.errors import CampipeError, LawError
from campipe.core.frame import Capture, Frame
from campipe.core.pipeline import Pipeline
from campipe.core.tiles import tiled
from campipe.ops.jpeg_tables import CHROMINANCE, LUMINANCE, quantisation_table
from campipe.recipe.pipelines import from_yaml, to_yaml

SUBSAMPLING = ["4:4:4", "4:2:2", "4:2:0"]


def file_of(picture: np.ndarray, quality: int, subsampling: str) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "jpeg", quality=quality, subsampling=SUBSAMPLING.index(subsampling))
    return buffer.getvalue()


def decoded(file: bytes) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(file))).astype(int)


def through(picture: np.ndarray, quality: int, subsampling: str) -> np.ndarray:
    x = torch.tensor(picture if picture.ndim == 3 else picture[..., None]).movedim(-1, 0)[None].float() / 255
    out = isp.Jpeg(quality, subsampling)(Frame(x, "display")).data[0].movedim(0, -1) * 255
    assert torch.allclose(out, out.round(), atol=1e-3)
    return out.round().int().numpy().reshape(picture.shape)


@pytest.mark.parametrize("subsampling", SUBSAMPLING)
@pytest.mark.parametrize("quality", [1, 10, 30, 49, 50, 75, 90, 95, 100])
def test_a_picture_comes_back_as_libjpeg_decodes_it(quality, subsampling, photos):
    for name, picture in photos.items():
        picture = np.ascontiguousarray(picture[40:163, 50:261])
        wrong = np.abs(through(picture, quality, subsampling) - decoded(file_of(picture, quality, subsampling)))
        # The arithmetic is libjpeg's. Its 13-bit factors need 27 bits in the second direction, float32 has 24: where a sum lies at the
        # edge between two whole numbers, one coefficient of 64 may come out a step away. One block of 12 x 27 is the allowance.
        assert (wrong > 0).mean() <= 1 / 324, (name, (wrong > 0).mean(), wrong.max())


@pytest.mark.parametrize("subsampling", SUBSAMPLING)
def test_borders_and_tiny_pictures_come_back_as_libjpeg_decodes_them(subsampling, photos):
    for size in [(1, 1), (2, 5), (5, 4), (8, 8), (9, 6), (16, 17), (17, 3), (31, 33)]:
        picture = np.ascontiguousarray(photos["coffee"][60 : 60 + size[0], 80 : 80 + size[1]])
        wrong = np.abs(through(picture, 80, subsampling) - decoded(file_of(picture, 80, subsampling)))
        assert wrong.max() == 0, size


def test_grey_pictures_have_one_plane(photos):
    picture = np.ascontiguousarray(photos["chelsea"][:100, :90, 1])
    assert np.array_equal(through(picture, 60, "4:2:0"), decoded(file_of(picture, 60, "4:2:0")))


@pytest.mark.parametrize("quality", [1, 25, 50, 77, 95, 100])
def test_the_tables_are_those_of_the_file(quality, photos):
    from PIL import Image

    tables = Image.open(io.BytesIO(file_of(photos["rocket"], quality, "4:2:0"))).quantization
    for number, standard in enumerate((LUMINANCE, CHROMINANCE)):
        assert quantisation_table(standard, torch.tensor(float(quality))).flatten().tolist() == tables[number]


def frame(*size: int, dtype: torch.dtype = torch.float64) -> Frame:
    data = torch.rand(*(size or (2, 3, 17, 22)), generator=torch.Generator().manual_seed(0), dtype=dtype)
    return Frame(data * 0.6 + 0.2, "display", Capture(noise=torch.ones((size or (2,))[0], 2)))


@pytest.mark.parametrize("subsampling", SUBSAMPLING)
def test_the_gradient_of_the_cubic_rounding_is_that_of_the_forward(subsampling):
    f, stage = frame(2, 3, 9, 18), isp.Jpeg(80, subsampling, "cubic")
    assert torch.autograd.gradcheck(lambda x: stage(f.replace(x)).data, f.data.requires_grad_(), fast_mode=True)


@pytest.mark.parametrize("subsampling", SUBSAMPLING)
def test_the_straight_gradient_is_that_of_the_chain_without_rounding(subsampling):
    # Without rounding the transform and its inverse are the identity, and so is the whole chain on colours that do not change.
    f = frame(1, 3, 16, 32)
    grey = f.data[:, :1].expand(-1, 3, -1, -1).clone().requires_grad_()
    weight = torch.rand(1, 1, 16, 32, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    (isp.Jpeg(90, subsampling)(f.replace(grey)).data * weight).sum().backward()
    # The sum over the three channels is the gradient of the grey value; 16-bit factors of the colours and 13-bit ones of the transform
    # leave 3e-4.
    assert torch.allclose(grey.grad.sum(1, keepdim=True), 3 * weight, atol=3e-3)
    assert float(grey.grad.abs().min()) > 0


def test_what_is_clipped_has_no_gradient():
    f = Frame(torch.full((1, 3, 8, 8), 1.5), "display")
    x = f.data.requires_grad_()
    isp.Jpeg(90)(f.replace(x)).data.sum().backward()
    assert torch.equal(x.grad, torch.zeros_like(x))


def test_the_gradient_for_the_quality_points_to_the_smaller_error(photos):
    picture = torch.tensor(photos["astronaut"][:128, :128]).movedim(-1, 0)[None].double() / 255
    pipeline = Pipeline([isp.Jpeg(70.0)])

    def error(quality: torch.Tensor) -> torch.Tensor:
        return (pipeline(Frame(picture, "display"), parameters={"jpeg.quality": quality}).data - picture).square().mean()

    quality = torch.tensor(70.0, dtype=torch.float64, requires_grad=True)
    error(quality).backward()
    assert quality.grad is not None
    slope = float(error(torch.tensor(80.0)) - error(torch.tensor(60.0))) / 20
    # d [c] s / d s = [c] - c is the slope of a rounding error that grows with the step s; a coefficient rounded to 0 has lost what it
    # was, whatever the step, and counts all the same.
    assert slope < 0 and slope > float(quality.grad) > 5 * slope


def test_each_item_has_its_own_quality():
    f, pipeline = frame(2, 2, 2, 3, 17, 22), Pipeline([isp.Jpeg(50.0)])
    both = pipeline(f, parameters={"jpeg.quality": torch.tensor([20.0, 95.0])}).data
    assert torch.allclose(both[:1], isp.Jpeg(20.0)(Frame(f.data[:1], "display")).data, atol=1e-12)
    assert torch.allclose(both[1, 1, 0], isp.Jpeg(95.0)(Frame(f.data[1:, 1, 0], "display")).data[0], atol=1e-12)


def test_it_stands_at_the_end_of_a_pipeline_that_is_written_down():
    text = "pipeline: tail\nstages:\n- {kind: encode}\n- {kind: clip}\n- {kind: jpeg, quality: 75, subsampling: '4:4:4'}\n"
    pipeline = from_yaml(text)
    linear = frame().replace(frame().data, space="linear")
    out = pipeline(linear)
    assert out.space == "display" and out.capture.noise is None
    assert torch.equal(from_yaml(to_yaml(pipeline))(linear).data, out.data)


def test_only_a_certain_value_has_a_law_and_it_needs_the_whole_picture():
    f, stage = frame(), isp.Jpeg()
    assert torch.equal(stage.moments(f).mean, stage(f).data)
    with pytest.raises(LawError, match="estimate"):
        stage.run_law(stage.moments(f).with_noise(torch.tensor(0.1)))
    with pytest.raises(CampipeError, match="needs the whole picture"):
        tiled(stage, f, 8)


@pytest.mark.parametrize(
    ("numbers", "match"),
    [
        ({"quality": 0}, "a number from 1 to 100"),
        ({"quality": 101.0}, "a number from 1 to 100"),
        ({"subsampling": "4:1:1"}, "one of 4:4:4"),
        ({"rounding": "soft"}, "'straight' or 'cubic'"),
    ],
)
def test_bad_input_is_refused_in_one_line(numbers, match):
    with pytest.raises(CampipeError, match=match) as caught:
        isp.Jpeg(**numbers)
    assert "\n" not in str(caught.value)
