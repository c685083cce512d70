"""Files that appear whole or not at all: every writer of the project puts its bytes beside the final name first."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from campipe.core.errors import RawFileError

PREFIX = ".part-"
"""How a temporary name begins; a process that was killed may leave such a file behind."""

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space and write again",
    errno.EDQUOT: "the disk quota is used up; free some space and write again",
    errno.EFBIG: "the file would be larger than this system allows; write to another disk",
    errno.EACCES: "the folder {folder} may not be written to; choose another one",
    errno.EPERM: "the folder {folder} may not be written to; choose another one",
    errno.EROFS: "the folder {folder} may not be written to; choose another one",
    errno.ENOENT: "the folder {folder} does not exist; make it first",
    errno.ENOTDIR: "{folder} is not a folder; choose another one",
    errno.EISDIR: "a folder has this name; choose another one",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}


@contextmanager
def appearing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give an empty temporary file beside `path`, with the same suffix; it takes the final name when all went well.

    A file that was there before is replaced in one step, so that a reader sees the old bytes or the new ones. After a failure the temporary
    file is gone and the old file untouched.

    Raises RawFileError, one line, for what the system refuses: disk full, folder missing or read-only.
    """
    path = Path(path).expanduser()
    temporary = path.with_name(f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}-{path.name}"[: 255 - len(path.suffix)])
    temporary = temporary if temporary.suffix == path.suffix else temporary.with_name(temporary.name + path.suffix)
    try:
        # Made here and not by the writer, so that the umask decides who may read it and no foreign file is overwritten.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield temporary
        # A final name must not outlive a power cut that its bytes did not.
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as problem:
        raise RawFileError(f"{path} cannot be written: {reason(problem, path)}") from problem
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a whole file at once; see `appearing`."""
    with appearing(path) as temporary:
        temporary.write_bytes(content)


def reason(problem: OSError, path: Path) -> str:
    """What the system refused, and what to do about it, in words."""
    text = _REASONS.get(problem.errno or 0)
    return text.format(folder=path.parent) if text else f"{problem.strerror or problem}; write somewhere else"
