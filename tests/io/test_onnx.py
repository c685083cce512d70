"""Graphs for other programs. Writing one takes torch ten seconds or more, so that all but one of them are slow tests."""

from __future__ import annotations

from inspect import signature

import pytest
import torch

from campipe.blocks import demosaick, denoise, filler, make, names, slots
from campipe.blocks.learned import Learned
from campipe.core.errors import CampipeError, RawFileError
from campipe.core.frame import Capture, Frame
from campipe.core.pipeline import Pipeline
from campipe.developing import developing_pipeline
from campipe.io import onnx as graphs
from campipe.io.onnx import export_onnx, run_onnx
from campipe.sensor import FrameSensor

LEARNED = [(slot, name) for slot in slots() for name in names(slot) if issubclass(filler(slot, name), Learned)]
H, W = 24, 32


@pytest.fixture
def runtime():
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    return pytest.importorskip("onnxruntime")


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def mosaic(height: int = H, width: int = W) -> Frame:
    data = torch.rand(1, 1, height, width, generator=generator())
    return Frame(data, "mosaic", Capture(pattern="GRBG", noise=torch.tensor([[1e-4, 1e-5]])))


def awake(block: Learned) -> Learned:
    """A block whose net does something, trained or not: the weights that a training begins with give the function 0."""
    with torch.no_grad():
        for parameter in block.parameters():
            if not bool(parameter.any()):
                parameter.copy_(torch.randn(parameter.shape, generator=generator()) * 0.05)
    return block


def example(name: str, block: Learned) -> Frame:
    """A picture that the block takes."""
    if name.startswith("raw") or ("linear" not in block.reads and "mosaic" in block.reads):
        return mosaic(64, 48)
    data = torch.rand(1, 3, 64, 48, generator=generator())
    return Frame(data, "linear" if "linear" in block.reads else block.reads[-1], Capture(noise=torch.tensor([[1e-4, 1e-5]])))


def test_a_small_block_gives_the_same_numbers_elsewhere(runtime, tmp_path):
    block = awake(demosaick("residual", weights=None, width=2, blocks=1))
    frame = mosaic()
    export_onnx(block, tmp_path / "block.onnx", frame)
    other = frame.replace(frame.data.flip(-1))
    came = run_onnx(tmp_path / "block.onnx", other)
    assert came.space == "camera"
    # float32 in another order of summing; values are about 1
    assert torch.allclose(came.data, block(other).data, atol=1e-5) and not torch.allclose(came.data, block(frame).data, atol=1e-2)
    with pytest.raises(CampipeError, match=r"takes data of the shape \[1, 1, 24, 32\], but \[1, 1, 12, 32\] came"):
        run_onnx(tmp_path / "block.onnx", frame.crop(0, 0, 12, 32))
    with pytest.raises(CampipeError, match="frames in 'mosaic' with the pattern GRBG"):
        run_onnx(tmp_path / "block.onnx", frame.crop(1, 0, 12, 32))


@pytest.mark.slow
def test_what_looks_at_its_data_is_refused(runtime, tmp_path):
    block = denoise("unet", weights=None, width=4)
    frame = Frame(torch.rand(1, 1, 16, 16, generator=generator()), "linear", Capture(noise=torch.tensor([[1e-4, 1e-5]])))
    with pytest.raises(CampipeError, match="looks at its data and is no graph") as caught:
        export_onnx(block, tmp_path / "block.onnx", frame)
    assert "stabilise=False" in str(caught.value) and "\n" not in str(caught.value) and not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(("slot", "name"), LEARNED, ids=[f"{slot}-{name}" for slot, name in LEARNED])
def test_every_learned_block_gives_the_same_numbers_elsewhere(slot, name, runtime, tmp_path):
    takes = signature(filler(slot, name)).parameters
    # The exact inverse of the stabilisation looks its values up, which is no graph.
    # A kernel that leaves all frequencies, so that nothing is amplified.
    usual = {"kernel": torch.tensor([[0.0, 0.1, 0.0], [0.1, 0.6, 0.1], [0.0, 0.1, 0.0]]), "stabilise": False}
    options = {option: value for option, value in usual.items() if option in takes}
    try:
        block = make(slot, name, **options)
    except CampipeError:  # weights that do not ship yet
        block = make(slot, name, weights=None, **options)
    frame = example(name, awake(block))
    export_onnx(block, tmp_path / "block.onnx", frame)
    wanted = block(frame).data
    # onnxruntime's Fourier transform of sizes that are no power of 2 is that much less exact than torch's, by float64.
    limit = 4e-4 if name == "wiener_net" else 1e-4
    assert torch.allclose(run_onnx(tmp_path / "block.onnx", frame).data, wanted, atol=limit * max(1, float(wanted.abs().max())))


@pytest.mark.slow
def test_a_whole_camera_with_its_noise_as_input_gives_the_same_numbers_elsewhere(runtime, tmp_path):
    numbers = {"full_well": 3000, "read_noise": 2.0, "row_noise": 0.5, "gain": 0.7, "post_read_noise": 0.5}
    sensor = FrameSensor(W, H, "RGGB", 3, black_level=64, bits=12, **numbers)
    shot = Pipeline([sensor, developing_pipeline(awake(demosaick("residual", weights=None, width=4, blocks=1, name="demosaick")))], "shot")
    draws = {f"sensor.{n}": torch.randn(1, 1, H, W, generator=generator()) for n in ("shot_noise", "read_noise", "post_read_noise")}
    draws["sensor.row_noise"] = torch.randn(1, 1, H, 1, generator=generator())
    matrix = torch.tensor([[[1.6, -0.4, -0.2], [-0.2, 1.6, -0.4], [0.0, -0.5, 1.5]]])
    photons = torch.linspace(20.0, 3000.0, 3 * H * W).reshape(1, 3, H, W)
    frame = Frame(photons, "photons", Capture(seconds=0.1, wb=torch.tensor([[2.0, 1.0, 1.5]]), cam_to_srgb=matrix, tone=0.3))
    export_onnx(shot, tmp_path / "shot.onnx", frame, draws=draws)
    others = {name: -draw for name, draw in draws.items()}
    dim = frame.replace(frame.data * 0.5, wb=torch.tensor([[1.8, 1.0, 1.2]]))
    came = run_onnx(tmp_path / "shot.onnx", dim, draws=others)
    assert came.space == "display" and torch.allclose(came.data, shot(dim, draws=others).data, atol=1e-4)
    with pytest.raises(CampipeError, match=r"takes draws\.sensor\.shot_noise of the shape"):
        run_onnx(tmp_path / "shot.onnx", dim)


def test_bad_input_is_refused_in_one_line(runtime, tmp_path):
    (tmp_path / "no.onnx").write_bytes(b"none")
    for call, kind, match in (
        (lambda: export_onnx(torch.nn.Identity(), tmp_path / "a.onnx", mosaic()), CampipeError, "but Identity came"),
        (lambda: export_onnx(developing_pipeline(), tmp_path / "a.onnx", mosaic()), CampipeError, "'dn' is needed"),
        (lambda: run_onnx(tmp_path / "no.onnx", mosaic()), CampipeError, "no graph that onnxruntime runs"),
        (lambda: run_onnx(tmp_path / "none.onnx", mosaic()), RawFileError, "there is no file"),
    ):
        with pytest.raises(kind, match=match) as caught:
            call()
        assert "\n" not in str(caught.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["no.onnx"]


def test_a_missing_package_is_named():
    with pytest.raises(CampipeError, match=r"package onnx_that_is_none, which is not installed; pip install 'campipe\[onnx\]'"):
        graphs._needed("onnx_that_is_none")
