"""What a run's page shows beside the counts of its report, kept as JSON so that the page can be made again."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.records import ElementSensitivity, Proposal
from tasks.site.history import Trend


@dataclass(frozen=True, slots=True)
class Section:
    """What `dicomflow describe` says about one subject, such as what is removed.

    Attributes
    ----------
    lines
        What it is about, and sentences on what is done; they are data of ours (profiles, rules), never of
        a source.
    """

    title: str
    lines: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Review:
    """What a run's page shows beside the counts of its report.

    Attributes
    ----------
    trends
        Figures of rules over the runs, each with the band it is expected in.
    sensitivity
        How sensitive each element path of the run looks, those kept in spite of it first.
    """

    described: tuple[Section, ...] = ()
    trends: tuple[Trend, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    sensitivity: tuple[ElementSensitivity, ...] = ()


NO_REVIEW = Review()
