"""What a replay may be told through Prefect, which stores parameters in clear: codes and pseudonyms, typed.

Here and not beside the flow, because a flow's file may be loaded under another module name.
"""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from tasks.records import Selection


class ReplayParameters(BaseModel):
    """Parameters of `flows.replay.replay`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    reasons: list[str] = Field(
        default_factory=list,
        description="Reason codes or ids of rules; empty for all. Example: PIXEL_REVIEW, R015.",
    )
    studies: list[str] = Field(
        default_factory=list,
        description="Study Instance UIDs as published or withheld (2.25.…), never original ones; empty for all.",
    )

    @classmethod
    def of(cls, selection: Selection) -> Self:
        """Put a selection into parameters."""
        return cls(reasons=list(selection.reasons), studies=list(selection.studies))

    def selection(self) -> Selection:
        """Give the selection that the parameters say, in the form that equal ones share."""
        return Selection(tuple(sorted(set(self.reasons))), tuple(sorted(set(self.studies))))
