"""Verdict: what an assertion found, how unlikely it is, and what the assertion would have caught."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from campipe.testing.budget import Budget


@dataclass(frozen=True)
class Finding:
    """One comparison inside an assertion.

    name      what was compared
    z         the statistic, in the unit that its law is stated in
    p         probability of so large a deviation where the stated law holds
    weight    part of the false-alarm rate that this comparison may use; the weights of an assertion sum to 1 or less
    sentence  what was expected and what came
    cause     the usual cause of such a deviation, where it can be told
    """

    name: str
    z: float
    p: float
    weight: float
    sentence: str
    cause: str = ""


@dataclass(frozen=True)
class Verdict:
    """The result of an assertion that passed, or of one that failed (`VerdictError.verdict`).

    check         name of the assertion
    statistic     of the comparison that deviates most
    p             probability of a deviation as large as that in any of the comparisons, where the stated law holds; at most 1
    false_alarm   the assertion fails below this p
    power         the smallest deviations that are caught with a probability of 95 %, in words
    smallest      the same as numbers, by name; the docstring of the assertion gives their units
    findings      every comparison
    """

    check: str
    statistic: float
    p: float
    false_alarm: float
    power: str
    smallest: Mapping[str, float] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def passed(self) -> bool:
        return self.p >= self.false_alarm

    def __str__(self) -> str:
        return f"{self.check}: p = {self.p:.2g} (false alarm {self.false_alarm:.2g}); catches {self.power}"


class VerdictError(AssertionError):
    """The failure of an assertion, with its `verdict`."""

    def __init__(self, message: str, verdict: Verdict) -> None:
        super().__init__(message)
        self.verdict = verdict


def judge(
    check: str,
    findings: Sequence[Finding],
    rate: float,
    false_alarm: float | Budget,
    smallest: Mapping[str, float],
    power: str,
) -> Verdict:
    """Return the verdict over all findings, or raise it where one of them is too unlikely.

    rate   what `rate_of(false_alarm, check)` gave
    """
    worst = min(findings, key=lambda f: f.p / f.weight)
    p = min(1.0, worst.p / worst.weight)
    verdict = Verdict(check, worst.z, p, rate, power, dict(smallest), tuple(findings))
    if isinstance(false_alarm, Budget):
        false_alarm.record(verdict)
    if not verdict.passed:
        cause = f" {worst.cause}" if worst.cause else ""
        raise VerdictError(f"{check}: {worst.sentence}; the probability is {p:.2g}, and {rate:.2g} is allowed.{cause}", verdict)
    return verdict
