"""What is said about a dataset: its columns, their origin, how much there is of it, what the gate found.

Everything here derives from a contract, a count or a rule id. A facet has room for much that may quote a
patient (smallest and largest value, quantiles, samples); those fields stay empty on purpose.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    DatasetFacet,
    InputDatasetFacet,
    column_lineage_dataset,
    data_quality_assertions_dataset,
    data_quality_metrics_input_dataset,
    dataset_type_dataset,
    dataset_version_dataset,
    documentation_dataset,
    input_statistics_input_dataset,
    output_statistics_output_dataset,
    schema_dataset,
    storage_dataset,
)

from expectations.contracts import Contract
from tasks.dicom.dictionary import format_tag
from tasks.lineage.names import DatasetName
from tasks.records import RuleResult

SEVERITIES = {"critical": "error", "warning": "warn", "info": "info"}
"""Our severities in the words of the assertions facet, whose `error` blocks and whose `warn` does not."""

TABLE_OF_SCOPE = {"instance": "instances", "series": "series", "study": "studies", "run": "instances"}
"""The table a rule of a scope looks at; a run is judged by the instances it would publish."""

_TABLE_TEXT = {
    "instances": "One row for each SOP Instance, de-identified.",
    "series": "One row for each series, de-identified.",
    "studies": "One row for each study, de-identified.",
}


@dataclass(frozen=True, slots=True)
class AuditedTable:
    """A staged table as the gate saw it.

    Attributes
    ----------
    nulls
        Number of nulls by column; columns left out are not reported.
    """

    contract: Contract
    rows: int
    nulls: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """A table this run committed to.

    Attributes
    ----------
    version
        The Delta version the commit made.
    rows, size_bytes, files
        What the commit added, not what the table holds.
    """

    contract: Contract
    version: int
    rows: int
    size_bytes: int
    files: int


@dataclass(frozen=True, slots=True)
class PublishedFiles:
    """The cleaned DICOM files this run published."""

    files: int
    size_bytes: int


def describe_source(
    name: DatasetName, files: int | None = None, size_bytes: int | None = None
) -> InputDataset:
    """Describe the source by its reference and by what was read of it, once that is known."""
    facets: dict[str, DatasetFacet] = {
        "datasetType": dataset_type_dataset.DatasetTypeDatasetFacet("FILE", subType="DICOM"),
        "documentation": documentation_dataset.DocumentationDatasetFacet(
            "DICOM objects of the source. Named by a keyed reference, because a path may name a patient."
        ),
    }
    statistics: dict[str, InputDatasetFacet] = {}
    if files is not None:
        statistics["inputStatistics"] = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(
            fileCount=files, size=size_bytes
        )
    return InputDataset(*name, facets=facets, inputFacets=statistics)


def describe_audited(
    name: DatasetName, contract: Contract, table: AuditedTable | None, rules: Iterable[RuleResult]
) -> InputDataset:
    """Describe a staged table as the gate's evidence: each rule's result in counts; rows and nulls if known."""
    evidence: dict[str, InputDatasetFacet] = {
        "dataQualityAssertions": data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(
            [assert_rule(rule) for rule in rules if TABLE_OF_SCOPE[rule.scope] == contract.name]
        )
    }
    if table is not None:
        evidence["dataQualityMetrics"] = _metrics(table)
    return InputDataset(
        *name,
        facets={"schema": schema_of(contract), "documentation": _documentation(contract)},
        inputFacets=evidence,
    )


def describe_staged(name: DatasetName, rows: int, size_bytes: int) -> OutputDataset:
    """Describe what a batch staged; the schema, alike for all, is said once when the run ends."""
    return OutputDataset(
        *name,
        outputFacets={"outputStatistics": _statistics(rows=rows, size_bytes=size_bytes)},
    )


def describe_published(
    name: DatasetName, table: PublishedTable, source: DatasetName, masked_tags: Collection[int]
) -> OutputDataset:
    """Describe a table after its commit, with the element each column came from."""
    return OutputDataset(
        *name,
        facets={
            "schema": schema_of(table.contract),
            "documentation": _documentation(table.contract),
            "datasetType": dataset_type_dataset.DatasetTypeDatasetFacet("TABLE"),
            "storage": storage_dataset.StorageDatasetFacet("delta", fileFormat="parquet"),
            "version": dataset_version_dataset.DatasetVersionDatasetFacet(str(table.version)),
            "columnLineage": trace_columns(table.contract, source, masked_tags),
        },
        outputFacets={
            "outputStatistics": _statistics(rows=table.rows, size_bytes=table.size_bytes, files=table.files)
        },
    )


def describe_files(name: DatasetName, files: PublishedFiles) -> OutputDataset:
    """Describe the published DICOM files, as one dataset."""
    return OutputDataset(
        *name,
        facets={
            "datasetType": dataset_type_dataset.DatasetTypeDatasetFacet("FILE", subType="DICOM"),
            "documentation": documentation_dataset.DocumentationDatasetFacet(
                "Cleaned and de-identified DICOM files; every part of a path is a pseudonym."
            ),
        },
        outputFacets={"outputStatistics": _statistics(size_bytes=files.size_bytes, files=files.files)},
    )


def schema_of(contract: Contract) -> schema_dataset.SchemaDatasetFacet:
    """Write a contract's columns in the words of the schema facet."""
    return schema_dataset.SchemaDatasetFacet(
        [
            schema_dataset.SchemaDatasetFacetFields(
                column.name, type=str(column.type), description=column.meaning, ordinal_position=position
            )
            for position, column in enumerate(contract.columns, start=1)
        ]
    )


def trace_columns(
    contract: Contract, source: DatasetName, masked_tags: Collection[int]
) -> column_lineage_dataset.ColumnLineageDatasetFacet:
    """Trace each column that comes from an element back to that element's tag in the source.

    Parameters
    ----------
    masked_tags
        Elements whose published value is not the original: pseudonyms, new UIDs, shifted dates.
    """
    return column_lineage_dataset.ColumnLineageDatasetFacet(
        {
            column.name: column_lineage_dataset.Fields(
                [
                    column_lineage_dataset.InputField(
                        *source,
                        field=format_tag(column.tag),
                        transformations=[_transformation(masked=column.tag in masked_tags)],
                    )
                ]
            )
            for column in contract.columns
            if column.tag is not None
        }
    )


def assert_rule(rule: RuleResult) -> data_quality_assertions_dataset.Assertion:
    """Write a rule's result as an assertion; observed are counts, never a value."""
    return data_quality_assertions_dataset.Assertion(
        assertion=rule.expectation,
        success=rule.success,
        column=rule.column,
        severity=SEVERITIES[rule.severity],
        name=rule.rule_id,
        description=rule.description,
        actual=f"{rule.unexpected} of {rule.evaluated}",
        params={
            "scope": rule.scope,
            "evaluated": rule.evaluated,
            "unexpected": rule.unexpected,
            "studies_failed": rule.studies_failed,
        },
    )


def _metrics(table: AuditedTable) -> data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet:
    return data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet(
        rowCount=table.rows,
        columnMetrics={
            column: data_quality_metrics_input_dataset.ColumnMetrics(
                nullCount=nulls, count=float(table.rows - nulls)
            )
            for column, nulls in table.nulls.items()
        },
    )


def _transformation(*, masked: bool) -> column_lineage_dataset.Transformation:
    if masked:
        return column_lineage_dataset.Transformation(
            "DIRECT", "TRANSFORMATION", "Replaced, shifted or removed as the profile says", masking=True
        )
    return column_lineage_dataset.Transformation(
        "DIRECT", "IDENTITY", "Kept, repaired where a cleaning rule applies", masking=False
    )


def _documentation(contract: Contract) -> documentation_dataset.DocumentationDatasetFacet:
    return documentation_dataset.DocumentationDatasetFacet(_TABLE_TEXT.get(contract.name, contract.name))


def _statistics(
    *, rows: int | None = None, size_bytes: int | None = None, files: int | None = None
) -> output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet:
    return output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=rows, size=size_bytes, fileCount=files
    )
