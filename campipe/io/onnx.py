"""ONNX: a stage, a block or a whole pipeline as one graph that other programs run, with its noise as an input."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.core.stage import Stage
from campipe.io.atomic import appearing
from campipe.io.checks import existing

OPSET = 18
"""Version of ONNX's operators that graphs are written in; onnxruntime 1.14 and later run it."""
_DRAWS = "draws."


class _Graph(nn.Module):
    """A stage as a function of tensors alone: the frame's data, the real numbers of its capture, and standardised draws."""

    def __init__(self, stage: Stage, frame: Frame, names: list[str], noise: bool) -> None:
        super().__init__()
        self.stage, self.frame, self.names, self.noise = stage, frame, names, noise

    def forward(self, *tensors: Tensor) -> Tensor:
        given = dict(zip(self.names, tensors, strict=True))
        data = given.pop("data")
        draws = {name.removeprefix(_DRAWS): given.pop(name) for name in list(given) if name.startswith(_DRAWS)}
        frame = self.frame.known(data, self.frame.space, self.frame.capture.replace(**given))
        return self.stage(frame, draws=draws or None, noise=self.noise).data


def export_onnx(
    stage: Stage, path: str | os.PathLike[str], frame: Frame, *, draws: Mapping[str, Tensor] | None = None, noise: bool = True
) -> None:
    """Write a stage, a block or a pipeline as an ONNX graph.

    stage   a learned block, a developing pipeline, or a pipeline of sensor and developing
    path    of the file, ".onnx"; it holds the weights too
    frame   an example of what goes in: the graph is for its space, size, batch, pattern and colour space
    draws   stage path to an example of its standardised draws, for stages that draw: the noise is an input of the graph
    noise   False: the ideal, without noise, which needs no draws

    Inputs of the graph: "data", the frame's numbers; the capture's real numbers that the frame knows, under their own names ("wb", "noise",
    "black_level"); and "draws.<stage path>". Its output is "result". Whole numbers, such as the place on the sensor, stay those of the
    example. The file says in its metadata which space goes in and which comes out, and the pattern. Needs the packages onnx and
    onnxscript; raises a CampipeError where a stage looks at its data and is no graph: what estimates something, and denoisers with the
    exact inverse of their stabilisation (stabilise=False has none).
    """
    _needed("onnx", "onnxscript")
    if not isinstance(stage, Stage):
        raise CampipeError(f"a stage, a block or a pipeline is written as ONNX, but {type(stage).__name__} came; give the block itself")
    named = dict(_inputs(frame, draws))
    frame = frame.detach()
    graph = _Graph(stage, frame, list(named), noise).eval()
    with torch.no_grad():
        out = stage(frame, draws=draws, noise=noise)  # complaints of the stage itself come in its own words
        with _quiet():
            try:
                program = torch.export.export(graph, tuple(named.values()), strict=False)
                # Runtimes simplify a graph when they load it; doing it here as well takes most of the time.
                model = torch.onnx.export(
                    program,
                    input_names=list(named),
                    output_names=["result"],
                    opset_version=OPSET,
                    dynamo=True,
                    optimize=False,
                    verbose=False,
                )
            except Exception as problem:  # torch has no common class for what it cannot trace
                line = (str(problem).strip().splitlines() or [type(problem).__name__])[0]
                raise CampipeError(
                    f"{stage.name} looks at its data and is no graph ({line}); give denoisers stabilise=False, or export "
                    "the blocks one by one"
                ) from problem
    assert model is not None
    about = {"space": frame.space, "result": out.space, "pattern": frame.capture.pattern or "", "stage": stage.name}
    model.model.metadata_props.update({f"campipe_{name}": value for name, value in about.items()})
    with appearing(path) as temporary:
        model.save(os.fspath(temporary), external_data=False)


def run_onnx(path: str | os.PathLike[str], frame: Frame, *, draws: Mapping[str, Tensor] | None = None) -> Frame:
    """Run a graph that `export_onnx` wrote, by onnxruntime on the CPU.

    frame     as the example was: in its space, of its size, and knowing the same numbers
    draws     as the example's
    returns   in the space that the file says, with the capture of the frame that came

    Raises a CampipeError where something else is needed than what came. Gradient: none.
    """
    runtime = _needed("onnxruntime")
    path = existing(path)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        session = runtime.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])
    except Exception as problem:  # its errors have no common class
        raise CampipeError(f"{path} is no graph that onnxruntime runs; write it again with export_onnx") from problem
    about = session.get_modelmeta().custom_metadata_map
    wanted, came = about.get("campipe_space"), dict(_inputs(frame, draws))
    if wanted is None:
        raise CampipeError(f"{path} is no graph of campipe; write it with export_onnx")
    if (frame.space, frame.capture.pattern or "") != (wanted, about["campipe_pattern"]):
        raise CampipeError(f"{path} is for frames in {wanted!r} with the pattern {about['campipe_pattern'] or 'none'}; export it for yours")
    feed = {}
    for node in session.get_inputs():
        shape = None if node.name not in came else list(came[node.name].shape)
        if shape != node.shape:
            raise CampipeError(f"{path} takes {node.name} of the shape {node.shape}, but {shape or 'none'} came; export it for this frame")
        feed[node.name] = came[node.name].detach().cpu().numpy()
    (data,) = session.run(None, feed)
    return Frame(torch.from_numpy(data), about["campipe_result"], frame.capture)


def _inputs(frame: Frame, draws: Mapping[str, Tensor] | None) -> Iterator[tuple[str, Tensor]]:
    yield "data", frame.data
    for name, value in frame.capture.tensors().items():
        if value.is_floating_point():
            yield name, value.contiguous()
    for name, value in (draws or {}).items():
        yield _DRAWS + name, value


def _needed(*packages: str) -> Any:
    """The last of the packages, or a CampipeError that says how to get one that is missing."""
    import importlib

    for package in packages:
        try:
            found = importlib.import_module(package)
        except ImportError:
            raise CampipeError(f"ONNX graphs need the package {package}, which is not installed; pip install 'campipe[onnx]'") from None
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """torch's exporter warns of packages that nothing here needs."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
