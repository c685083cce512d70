"""The log of a training: one JSON object a line, and after a resume the same lines as without."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from campipe.core.errors import CampipeError
from campipe.io.atomic import write_bytes


class Log:
    """Lines of numbers, each with its `step`.

    path    the file, .jsonl
    after   lines of later steps are dropped: a training that goes on from an earlier checkpoint writes them again
    """

    def __init__(self, path: Path, after: int) -> None:
        self.path = path
        kept = [row for row in read_log(path) if row["step"] <= after] if path.exists() else []
        write_bytes(path, "".join(json.dumps(row) + "\n" for row in kept).encode())

    def add(self, **row: Any) -> None:
        """Add a line."""
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a log; one that was cut off by the end of a process is left out."""
    rows = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise CampipeError(f"the log {path} cannot be read: {problem}") from None
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("step"), int):
            rows.append(row)
    return rows
