from __future__ import annotations

import errno
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from campipe.core.errors import RawFileError
from campipe.io.atomic import PREFIX, appearing, write_bytes


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_a_file_appears_with_all_its_bytes_and_nothing_beside_it(tmp_path):
    write_bytes(tmp_path / "a.bin", b"new")
    assert (tmp_path / "a.bin").read_bytes() == b"new"
    assert names(tmp_path) == ["a.bin"]


def test_an_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with appearing(path) as temporary:
        temporary.write_bytes(b"new")
        assert path.read_bytes() == b"old"
        inode = temporary.stat().st_ino
    assert path.read_bytes() == b"new" and path.stat().st_ino == inode  # renamed in one step, not copied


def test_the_temporary_file_lies_beside_and_keeps_the_suffix(tmp_path):
    for name in ("a.png", "a" * 251 + ".png", "noending"):
        with appearing(tmp_path / name) as temporary:
            assert temporary.parent == tmp_path and temporary.suffix == Path(name).suffix
            assert temporary.name.startswith(PREFIX) and len(temporary.name) <= 255
        assert (tmp_path / name).exists()


def test_the_umask_decides_who_may_read_the_file(tmp_path):
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "a.bin", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "a.bin").stat().st_mode & 0o777 == 0o640


def test_after_any_failure_the_temporary_file_is_gone_and_the_old_file_untouched(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), appearing(path) as temporary:
        temporary.write_bytes(b"half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old" and names(tmp_path) == ["a.bin"]


def test_a_disk_that_fills_up_in_the_middle_leaves_nothing(tmp_path):
    # A limit on the size of files makes the system stop a write half-way, as a full disk does, with another number.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
        with pytest.raises(RawFileError, match=r"a\.bin cannot be written: .* system allows"):
            write_bytes(tmp_path / "a.bin", bytes(50_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "disk is full; free some space"),
        (errno.EROFS, "may not be written to; choose another"),
        (errno.EACCES, "may not be written to"),
        (errno.EIO, "write somewhere"),
    ],
)
def test_what_the_system_refuses_is_said_in_one_line_with_advice(tmp_path, monkeypatch, number, advice):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(RawFileError, match=advice) as caught:
        write_bytes(tmp_path / "a.bin", b"x")
    assert "\n" not in str(caught.value) and str(tmp_path / "a.bin") in str(caught.value)
    assert names(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_device_is_named_as_a_full_disk(tmp_path):
    with (
        pytest.raises(RawFileError, match="the disk is full; free some space"),
        appearing(tmp_path / "a.bin"),
        open("/dev/full", "wb", buffering=0) as full,
    ):
        full.write(b"x")
    assert names(tmp_path) == []


def as_a_user_who_may_not_write(folder, say):
    if os.geteuid() == 0:
        os.setuid(65534)  # root may write anywhere
    try:
        write_bytes(folder / "a.bin", b"x")
    except RawFileError as error:
        say.send(str(error))
    else:
        say.send("nothing was refused")


def test_a_read_only_folder_is_refused():
    with tempfile.TemporaryDirectory() as name:  # its parents can be entered by every user
        folder = Path(name)
        folder.chmod(0o555)
        listen, say = multiprocessing.Pipe()
        child = multiprocessing.get_context("fork").Process(target=as_a_user_who_may_not_write, args=(folder, say))
        child.start()
        said = listen.recv() if listen.poll(60) else "nothing was said"
        child.join()
        folder.chmod(0o755)
        assert "may not be written to" in said and names(folder) == []


def test_a_missing_folder_and_a_folder_of_that_name_are_refused(tmp_path):
    with pytest.raises(RawFileError, match="does not exist; make it first"):
        write_bytes(tmp_path / "nowhere" / "a.bin", b"x")
    (tmp_path / "a.bin").mkdir()
    with pytest.raises(RawFileError, match="a folder has this name"):
        write_bytes(tmp_path / "a.bin", b"x")
    assert names(tmp_path) == ["a.bin"]


def test_a_killed_writer_leaves_nothing_under_the_final_name(tmp_path):
    program = (
        "import sys, time; from campipe.io.atomic import appearing\n"
        "with appearing(sys.argv[1]) as t:\n"
        "    t.write_bytes(b'half'); print('half', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "a.bin")], stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"half\n"
    process.kill()
    process.wait(time.monotonic() + 10)
    process.stdout.close()
    assert not (tmp_path / "a.bin").exists()
    assert all(name.startswith(PREFIX) for name in names(tmp_path))
