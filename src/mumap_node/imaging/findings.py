"""Findings: what the checks of an input and of a map say, with number and limit.

Their words are ASCII: they go into DICOM objects, whatever character set those have.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class Verdict(StrEnum):
    """What a check concludes."""

    PASS = "pass"  # noqa: S105  (a verdict, not a password)
    WARN = "warn"  #: delivered, with the finding written into the object
    FAIL = "fail"  #: never delivered


class Relaxable(StrEnum):
    """Card limits a route may lower from fail to warn; nothing else ever can be."""

    COLLIMATOR = "collimator"
    FIELD_OF_VIEW = "field-of-view"
    TRUNCATION = "truncation"
    MATRIX = "matrix"
    SPACING = "spacing"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        check: Stable lower-case name, explained in docs/quality.md.
        verdict: Pass, warn or fail.
        found: The measured value with its unit, for people.
        limit: The limit it was held against, with its unit, for people.
        relaxed: A fail that the route lowered to a warning.
    """

    check: str
    verdict: Verdict
    found: str
    limit: str
    relaxed: bool = False

    def __str__(self) -> str:
        note = ", relaxed by the route" if self.relaxed else ""
        return f"{self.check} {self.verdict}: {self.found} (limit {self.limit}{note})"


def verdict(*, fail: bool, warn: bool = False) -> Verdict:
    """The verdict of a check that fails or warns on these conditions."""
    if fail:
        return Verdict.FAIL
    return Verdict.WARN if warn else Verdict.PASS


def within(
    check: str,
    value: float,
    limit: tuple[float, float],
    unit: str,
    outside: Verdict = Verdict.FAIL,
) -> Finding:
    """A value that has to lie in a range, both ends allowed."""
    fits = limit[0] <= value <= limit[1]
    return Finding(check, Verdict.PASS if fits else outside, amount(value, unit), span(limit, unit))


def at_most(check: str, value: float, warn: float, fail: float | None, unit: str) -> Finding:
    """A value that warns above one limit and fails above another, if there is one."""
    return Finding(
        check,
        verdict(fail=fail is not None and value > fail, warn=value > warn),
        amount(value, unit),
        f"at most {amount(warn, unit)}" + _failing("above", fail, unit),
    )


def at_least(check: str, value: float, warn: float, fail: float | None, unit: str) -> Finding:
    """A value that warns below one limit and fails below another, if there is one."""
    return Finding(
        check,
        verdict(fail=fail is not None and value < fail, warn=value < warn),
        amount(value, unit),
        f"at least {amount(warn, unit)}" + _failing("below", fail, unit),
    )


def amount(value: float, unit: str) -> str:
    """A value with its unit; shares are shown in percent."""
    return f"{_number(value, unit)} {unit}".rstrip()


def span(limit: tuple[float, float], unit: str) -> str:
    """A range with its unit."""
    return f"{_number(limit[0], unit)} to {amount(limit[1], unit)}"


def _number(value: float, unit: str) -> str:
    return f"{100 * value:.3g}" if unit == "%" else f"{value:.4g}"


def _failing(side: str, fail: float | None, unit: str) -> str:
    return "" if fail is None else f", fails {side} {amount(fail, unit)}"


def relax(findings: Iterable[Finding], names: Collection[Relaxable]) -> tuple[Finding, ...]:
    """Lower a fail to a warning where the route relaxes that limit."""
    return tuple(
        replace(finding, verdict=Verdict.WARN, relaxed=True)
        if finding.verdict is Verdict.FAIL and finding.check in names
        else finding
        for finding in findings
    )


def worst(findings: Iterable[Finding]) -> Verdict:
    """The gravest verdict among the findings; pass where there are none."""
    verdicts = {finding.verdict for finding in findings}
    for grave in (Verdict.FAIL, Verdict.WARN):
        if grave in verdicts:
            return grave
    return Verdict.PASS
