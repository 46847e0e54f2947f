"""Ranges of objects, asked for by the hundred a second: botocore's signature and connection without the rest.

Of the 3 ms of processor time that a GET takes through botocore, most goes by resolving an endpoint that is the same
each time, and by parsing headers that nobody reads. So the first request of a bucket is made in full and shows
where the bucket is and for which region it is signed; those that follow are signed and sent as it was. Whatever is
not plain, from a key with dots to an answer that is neither the range nor a failure that may pass, is left to
botocore, which knows redirects, renewed credentials and other kinds of signatures.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.utils import percent_encode

from tasks.storage.faults import S3Fault
from tasks.storage.s3_budget import THROTTLED

_SCOPE = re.compile(r"AWS4-HMAC-SHA256 Credential=[^,]+/\d{8}/([^/]+)/s3/aws4_request")
_CODE = re.compile(rb"<Code>([A-Za-z0-9.]{1,64})</Code>")
_PARTIAL, _PRECONDITION_FAILED, _SERVER_FAILED = 206, 412, 500


class Route(NamedTuple):
    """Where a bucket is, and the region its requests are signed for."""

    base: str
    region: str


class Got(NamedTuple):
    """Bytes of an object, and which version of it they are of; empty where its bucket keeps none."""

    data: bytes
    version_id: str


class Ranges:
    """The short way to ranges, of one connection; belongs to its event loop."""

    def __init__(self) -> None:
        self._routes: dict[str, Route] = {}
        self._watched: set[int] = set()
        self._sent: dict[str, str] = {}

    def watch(self, client: Any) -> None:
        """Look at what a client sends, to learn how; costs nothing once it is known."""
        if id(client) not in self._watched:
            self._watched.add(id(client))
            client.meta.events.register("before-send.s3.GetObject", self._remember)

    def _remember(self, request: Any, **_: object) -> None:
        """Keep the place and the signature of the last request; it is sent as it is."""
        self._sent = {"url": request.url, "signature": _text(request.headers.get("Authorization", ""))}

    def learn(self, bucket: str, key: str) -> None:
        """Note the route of a bucket after a request in full for `key`."""
        quoted, sent = _quote(key), self._sent
        scope = _SCOPE.match(sent.get("signature", ""))
        if scope is not None and quoted is not None and sent["url"].endswith(f"/{quoted}"):
            self._routes[bucket] = Route(sent["url"].removesuffix(quoted), scope[1])

    async def get(
        self, client: Any, bucket: str, key: str, headers: Mapping[str, str], etag: str, version_id: str = ""
    ) -> Got | None:
        """Read a range; None where botocore must be asked.

        Raises
        ------
        S3Fault
            A failure that may pass, or `PreconditionFailed`.
        """
        route, quoted = self._routes.get(bucket), _quote(key)
        signer = client._request_signer  # noqa: SLF001 - holds the chain's credentials, and renews them
        if route is None or quoted is None or signer._credentials is None:  # noqa: SLF001
            return None
        query = f"?versionId={percent_encode(version_id, safe='')}" if version_id else ""
        request = AWSRequest("GET", route.base + quoted + query, dict(headers), stream_output=True)
        credentials = await signer._credentials.get_frozen_credentials()  # noqa: SLF001
        S3SigV4Auth(credentials, "s3", route.region).add_auth(request)
        response = await client._endpoint.http_session.send(request.prepare())  # noqa: SLF001
        if response.status_code == _PARTIAL and response.headers.get("etag", "").strip('"') == etag:
            return Got(await response.content, response.headers.get("x-amz-version-id", ""))
        if response.status_code == _PRECONDITION_FAILED:
            response.raw.release()
            raise S3Fault("PreconditionFailed")
        if response.status_code >= _SERVER_FAILED:
            found = _CODE.search(await response.content)
            code = found[1].decode() if found else ""
            raise S3Fault(code if code in THROTTLED else str(response.status_code))
        response.raw.close()
        return None


def _quote(key: str) -> str | None:
    """Write a key as botocore does; None for one whose path others might read differently."""
    if {"", ".", ".."} & set(key.split("/")):
        return None
    quoted: str = percent_encode(key, safe="/~")
    return quoted


def _text(value: str | bytes) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else value
