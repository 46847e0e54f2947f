"""What upkeep may be told through Prefect, which stores parameters in clear and makes a form of them.

Numbers and yes or no: no path, no key, nothing of a patient. Here and not beside the flow, because a flow's file
may be loaded under another module name.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from tasks.maintain import LEAST_RETENTION_DAYS, Retention


class MaintainParameters(BaseModel):
    """Parameters of `flows.maintain.maintain_target`."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, title="Maintain a target"
    )

    table_days: int = Field(
        14,
        ge=LEAST_RETENTION_DAYS,
        title="Days that tables keep replaced files",
        description="Longer than the longest run and than any reader's query.",
    )
    staging_days: int = Field(
        14,
        ge=1,
        title="Days that a dead run may still be resumed",
        description="After them, what it staged is removed; its objects are taken anew by the next run.",
    )
    docs_days: int | None = Field(
        None,
        ge=1,
        title="Days that pages of runs are kept",
        description="Empty keeps them for ever. Ledger, audit and lineage always stay.",
    )
    dry_run: bool = Field(False, title="Only say what would be done")

    def retention(self) -> Retention:
        """Give the retention that the parameters say."""
        return Retention(self.table_days, self.staging_days, self.docs_days)


class RevalidateParameters(BaseModel):
    """Parameters of `flows.revalidate.revalidate`."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, title="Verify what is published"
    )

    read_contents: bool = Field(
        True,
        title="Read and hash every published file",
        description="Takes as long as reading the target does. Without it, names and sizes are compared only.",
    )
