"""Media types of what we write, as data: the system's own table differs from host to host."""

from __future__ import annotations

_TYPES = {
    "css": "text/css; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "dcm": "application/dicom",
    "gif": "image/gif",
    "html": "text/html; charset=utf-8",
    "ico": "image/x-icon",
    "jpg": "image/jpeg",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "md": "text/markdown; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "woff2": "font/woff2",
}


def find_content_type(key: str) -> str:
    """Choose a media type by the end of the name (RFC 6838 names; PS3.18 for DICOM)."""
    return _TYPES.get(key.rpartition(".")[2].lower(), "application/octet-stream")
