"""What a study found: rows of scores, and the claims that they are to bear."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from campipe.core.errors import CampipeError
from campipe.io.atomic import write_bytes

FORMAT = 1
RELATIONS = {">=": lambda value, wanted: value >= wanted, "<=": lambda value, wanted: value <= wanted}


@dataclass(frozen=True)
class Row:
    """One system on the images of a study.

    name                     as a reader of the table knows it
    scores                   measure, with its unit, to value: {"PSNR, dB": 30.1}
    parameters               numbers that were learned; None: nothing to count
    seconds_per_megapixel    CPU seconds on one thread for 1e6 pixels; None: not taken
    published                a figure published for it, with its source; never a score of ours
    """

    name: str
    scores: Mapping[str, float]
    parameters: int | None = None
    seconds_per_megapixel: float | None = None
    published: str = ""


@dataclass(frozen=True)
class Claim:
    """A figure that is to be reached: value >= or <= wanted."""

    what: str
    value: float
    relation: str
    wanted: float

    def __post_init__(self) -> None:
        if self.relation not in RELATIONS:
            raise CampipeError(f"a claim compares by one of {', '.join(RELATIONS)}, but {self.relation!r} came")

    @property
    def holds(self) -> bool:
        return bool(RELATIONS[self.relation](self.value, self.wanted))


def tally(claims: Sequence[Claim]) -> str:
    """How many claims hold, in words."""
    return f"{sum(claim.holds for claim in claims)} of {len(claims)} claims hold"


@dataclass(frozen=True)
class Result:
    """What a study found.

    system       what was studied, with its paper
    images       on what
    protocol     how the scores were taken
    rows         scores, best known first
    claims       figures that were to be reached
    reproduced   a sentence on what was shown again, and what was not
    budget       what the trainings took
    """

    system: str
    images: str
    protocol: str
    rows: tuple[Row, ...]
    claims: tuple[Claim, ...]
    reproduced: str
    budget: str
    version: int = field(default=FORMAT)

    def write(self, path: str | Path) -> Path:
        """Write it as JSON, in one step."""
        rounded = json.loads(json.dumps(asdict(self)), parse_float=lambda text: float(f"{float(text):.6g}"))
        write_bytes(Path(path), (json.dumps(rounded, indent=1, ensure_ascii=False) + "\n").encode())
        return Path(path)

    @classmethod
    def read(cls, path: str | Path) -> Result:
        """Read one; a CampipeError says in one line what is wrong with the file."""
        try:
            held: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
            rows, claims = tuple(Row(**row) for row in held.pop("rows")), tuple(Claim(**claim) for claim in held.pop("claims"))
            return cls(**held, rows=rows, claims=claims)
        except FileNotFoundError:
            raise CampipeError(f"there is no result {path}; make it: campipe study {Path(path).stem}") from None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as problem:
            raise CampipeError(f"{path} is no result of a study ({type(problem).__name__}: {problem}); make it again") from None
