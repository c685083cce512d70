"""The false-alarm rate of a whole test run, divided among its assertions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campipe.core.errors import CampipeError

if TYPE_CHECKING:
    from campipe.testing.verdict import Verdict


class Budget:
    """How often a test run may fail although nothing is wrong. Pass it as `false_alarm=` to any number of assertions.

    total   probability that any of the assertions fails by chance
    tests   how many assertions there will be: each gets total / tests, and one more is refused.
            None: not known beforehand; the i-th gets total / (i (i + 1)), which sums to the total however many come

    The bound is Bonferroni's: it holds whether or not the assertions look at the same draws. Processes that run side by side need a
    budget each: give every one of n workers total / n.
    """

    def __init__(self, total: float = 1e-6, tests: int | None = None) -> None:
        self.total = checked(total)
        if tests is not None and (isinstance(tests, bool) or not isinstance(tests, int) or tests < 1):
            raise CampipeError(f"a budget is made for a number of assertions, 1 or more, or None, but {tests!r} came")
        self.tests = tests
        self.taken: list[tuple[str, float]] = []
        self.verdicts: list[Verdict] = []

    @property
    def spent(self) -> float:
        """The false-alarm rate that has been handed out."""
        return sum(rate for _, rate in self.taken)

    @property
    def left(self) -> float:
        return max(0.0, self.total - self.spent)

    def share(self, n: int = 1, check: str = "share") -> float:
        """Take the part of one assertion, divided among n of them: the rate for each."""
        i = len(self.taken) + 1
        if self.tests is not None and i > self.tests:
            raise CampipeError(
                f"the budget of {self.total:g} was made for {self.tests} assertions, and this is one more; make it for as many as there are"
            )
        rate = self.total / self.tests if self.tests is not None else self.total / (i * (i + 1))
        self.taken.append((check, rate))
        return rate / n

    def record(self, verdict: Verdict) -> None:
        """Keep a verdict for the report."""
        self.verdicts.append(verdict)

    def report(self) -> str:
        """One line per verdict, and what was spent of the total."""
        lines = [f"{v.check:<28} p = {v.p:<9.2g} false alarm {v.false_alarm:<9.2g} catches {v.power}" for v in self.verdicts]
        lines.append(f"false-alarm rate spent: {self.spent:.3g} of {self.total:.3g}, in {len(self.taken)} assertions")
        return "\n".join(lines)

    def __enter__(self) -> Budget:
        return self

    def __exit__(self, *error: object) -> None:
        return None


def checked(rate: float) -> float:
    """A probability between 0 and 1, or an error."""
    try:
        number = float(rate)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 < number < 1:
        raise CampipeError(f"a false-alarm rate lies between 0 and 1, such as 1e-6, or is a Budget, but {rate!r} came")
    return number


def rate_of(false_alarm: float | Budget, check: str) -> float:
    """The rate of one assertion: the number itself, or a part of the budget."""
    return false_alarm.share(check=check) if isinstance(false_alarm, Budget) else checked(false_alarm)
