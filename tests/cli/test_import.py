"""`campipe import`: the command says what it wrote, and refuses in one line."""

from __future__ import annotations

import json

from campipe.core.profile import load_profile


def test_import_writes_a_profile_and_says_what_to_know(tmp_path, run):
    algorithms = [{"rpi.black_level": {"black_level": 4096}}, {"rpi.noise": {"reference_constant": 0, "reference_slope": 2.5}}]
    (tmp_path / "x_mono.json").write_text(json.dumps({"target": "bcm2835", "algorithms": algorithms}))
    words = ["import", "libcamera", tmp_path / "x_mono.json", "--bits", 10, "--title", "Acme A", "--out", tmp_path / "a.toml"]
    answer = run(*words)
    assert (answer.status, answer.err) == (0, "")
    assert "Acme A, ISO 100 to 1600; of its numbers 3 measured" in answer.out and "Read noise is assumed" in answer.out
    profile = load_profile(tmp_path / "a.toml")
    assert profile.pattern is None and profile.title == "Acme A"


def test_import_refuses_in_one_line(tmp_path, run):
    answer = run("import", "libcamera", tmp_path / "none.json", "--bits", 10, "--out", tmp_path / "a.toml")
    assert answer.status == 2 and answer.out == ""
    assert len(answer.err.splitlines()) == 1 and "none.json" in answer.err
    assert not (tmp_path / "a.toml").exists()
