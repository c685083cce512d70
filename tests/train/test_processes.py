"""Several processes share a batch, and give the training of one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import pytest
import torch

from campipe.core.errors import CampipeError
from campipe.train.devices import Plain, device_of

PROGRAM = """
import json, sys
from pathlib import Path
import torch
from torch import nn
from campipe.core.random import Key
from campipe.train.devices import device_of
from campipe.train.loop import Task, Training, fit
from campipe.train.schedules import WarmUpCosine

torch.set_num_threads(1)

class Line(Task):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
        generator = torch.Generator().manual_seed(7)
        for p in self.net.parameters():
            p.data = torch.randn(p.shape, generator=generator) * 0.3
    def batch(self, numbers):
        return torch.tensor([[Key(1).fold(n).uniform()] for n in numbers])
    def forward(self, batch):
        return (self.net(batch) - (2 * batch - 0.5)).square().mean()
    def validate(self):
        return {"score": float(self(torch.linspace(0, 1, 50)[:, None]))}
    def about(self):
        return {"task": "line"}

device = device_of(None)
done = fit(Line(), Training(steps=40, batch=4, rate=WarmUpCosine(0.03, 1e-3, 5, 40), ema=0.9, clip=0.5), Path(sys.argv[1]), device=device)
if device.rank == 0:
    sys.stdout.write(json.dumps([device.world, done.scores["score"]]))
"""


@pytest.mark.slow
def test_two_processes_give_what_one_gives(tmp_path, repository):
    pytest.importorskip("accelerate")
    (tmp_path / "program.py").write_text(PROGRAM)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(repository), *filter(None, sys.path)]), "OMP_NUM_THREADS": "1"}
    said = []
    for start in ([], ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(port)]):
        words = [sys.executable, *start, tmp_path / "program.py", tmp_path / f"out{len(said)}"]
        done = subprocess.run(list(map(str, words)), env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        said.append(json.loads(done.stdout))
    assert [world for world, _ in said] == [1, 2]
    assert said[0][1] == pytest.approx(said[1][1], rel=1e-4)  # means of two halves, in float32, forty times


def test_a_device_that_is_not_there_is_refused_and_without_a_name_it_is_the_cpu():
    assert isinstance(device_of(None), Plain) and device_of("cpu").world == 1
    if not torch.cuda.is_available():
        with pytest.raises(CampipeError, match="there is no device 'cuda'"):
            device_of("cuda")
