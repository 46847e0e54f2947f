"""What became of each element of an instance, kept beside the output for those who account for it.

The output says what is left; a trace says of what. From it come the audit rows, the words by which a patient
would be recognised elsewhere, and how sensitive an element looks. A trace holds original values: it stays in
the process that read them, and can neither be shown nor pickled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from tasks.dicom.element import Element


class Trace:
    """One element of a main data set, before and after.

    Attributes
    ----------
    original
        As read.
    written
        None where it was removed.
    encodings
        Python codecs of the data set.
    marks
        Whatever was worked out of the trace, by whoever did: elements come again, and so does their trace.
    """

    __slots__ = ("encodings", "marks", "original", "written")

    def __init__(self, original: Element, written: Element | None, encodings: tuple[str, ...]) -> None:
        self.original = original
        self.written = written
        self.encodings = encodings
        self.marks: Any = None

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Trace)
            and self.original == other.original
            and self.written == other.written
            and self.encodings == other.encodings
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "Trace(<of a patient>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("traces hold a patient's values: they stay in the process that read them")


class Traces:
    """The traces of one instance.

    Attributes
    ----------
    common
        Those it shares with the instances beside it: the same object for all of them.
    own
        The others.
    """

    __slots__ = ("common", "own")

    def __init__(self, common: Sequence[Trace], own: Sequence[Trace]) -> None:
        self.common = common
        self.own = own

    def __iter__(self) -> Iterator[Trace]:
        """Give all of them in the order of their tags."""
        return iter(sorted([*self.common, *self.own], key=lambda trace: trace.original.tag))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Traces) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Traces({len(self.common) + len(self.own)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("traces hold a patient's values: they stay in the process that read them")
