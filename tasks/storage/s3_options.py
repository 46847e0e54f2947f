"""How to reach an S3 server: what settings may say, and what that means to s3fs.

Credentials are not among the settings: whatever is an option here is pickled to Dask workers and
shown in traces. They come by the AWS chain (environment, profile, role) where the request is made, or from a block
of Prefect's, of which the name is an option.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.errors import ConfigurationError
from tasks.storage.budget import Budget
from tasks.storage.s3_credentials import credentials_of

Checksum = Literal["when_supported", "when_required"]


class S3Options(BaseModel):
    """The S3 part of the settings of one place.

    Attributes
    ----------
    endpoint_url
        Server other than AWS; else as `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL` or the profile say.
    profile
        Section of the AWS configuration files that credentials, region and endpoint come from.
    credentials_block
        Name of a Prefect Secret block with the credentials, instead of what the AWS chain has (a JSON object, see
        `tasks.storage.s3_credentials`).
    addressing_style
        Bucket in the path (`path`), in the host name (`virtual`), or as botocore thinks best (`auto`).
    anon
        Send unsigned requests (public buckets).
    requester_pays
        Accept that reading is charged to us.
    sse_kms_key_id
        Encrypt what is written with this KMS key.
    checksum
        `when_supported` sends and checks CRCs, `when_required` does not; by default the latter for
        servers other than AWS, several of which answer them with errors or with wrong sums.
    attempts
        Requests in total for one call, over every kind of failure; nothing else retries on top of it. A local
        source that fails for the moment is read as often.
    deadline_seconds
        After so long no further attempt of a call is begun. Local files of a batch share it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint_url: str | None = None
    profile: str | None = None
    region: str | None = None
    credentials_block: str | None = None
    addressing_style: Literal["auto", "path", "virtual"] = "auto"
    anon: bool = False
    requester_pays: bool = False
    sse_kms_key_id: str | None = None
    checksum: Checksum | None = None
    connect_timeout_seconds: float = Field(default=5, gt=0)
    read_timeout_seconds: float = Field(default=60, gt=0)
    attempts: int = Field(default=10, ge=1)
    deadline_seconds: float = Field(default=300, gt=0)

    @property
    def budget(self) -> Budget:
        """What a call may cost before it is given up."""
        return Budget(self.attempts, self.deadline_seconds)


def parse_options(options: Mapping[str, object]) -> S3Options:
    """Read the S3 options of a place; an option that is None is as good as absent.

    Raises
    ------
    ConfigurationError
        An unknown option or an impossible value. The message names the option, not the value: people
        do put secrets here.
    """
    given = {name: value for name, value in options.items() if value is not None}
    try:
        return S3Options.model_validate(given)
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False, include_context=False)
    reasons = "; ".join(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in problems)
    raise ConfigurationError(
        f"S3 options: {reasons}. Credentials are no options: give them by the AWS chain, or name their Prefect block"
    )


def find_endpoint(options: S3Options) -> str | None:
    """Tell which server is meant, or None for AWS, in the order botocore itself looks."""
    return (
        options.endpoint_url
        or os.environ.get("AWS_ENDPOINT_URL_S3")
        or os.environ.get("AWS_ENDPOINT_URL")
        or _find_profile_endpoint(options.profile)
    )


def _find_profile_endpoint(profile: str | None) -> str | None:
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    try:
        endpoint = Session(profile=profile).get_scoped_config().get("endpoint_url")
    except BotoCoreError:
        endpoint = None  # A profile that is missing or broken is told by the first request.
    return None if endpoint is None else str(endpoint)


def choose_checksum(options: S3Options) -> Checksum:
    """Decide whether the server is asked for CRCs."""
    if options.checksum is not None:
        return options.checksum
    host = urlsplit(find_endpoint(options) or "https://s3.amazonaws.com").hostname or ""
    return "when_supported" if host.endswith((".amazonaws.com", ".amazonaws.com.cn")) else "when_required"


def make_filesystem_arguments(options: S3Options) -> dict[str, object]:
    """Translate into the constructor arguments of `s3fs.S3FileSystem`."""
    checksum = choose_checksum(options)
    arguments: dict[str, object] = {
        "anon": options.anon,
        "requester_pays": options.requester_pays,
        "use_listings_cache": False,
        "config_kwargs": {
            "retries": {"mode": "standard", "total_max_attempts": 1},
            "connect_timeout": options.connect_timeout_seconds,
            "read_timeout": options.read_timeout_seconds,
            "max_pool_connections": 64,
            "s3": {"addressing_style": options.addressing_style},
            "request_checksum_calculation": checksum,
            "response_checksum_validation": checksum,
        },
    }
    if options.endpoint_url:
        arguments["endpoint_url"] = options.endpoint_url
    if options.profile:
        arguments["profile"] = options.profile
    if options.credentials_block:
        found = credentials_of(options.credentials_block)
        arguments |= {"key": found.access_key, "secret": found.secret_key, "token": found.token}
    if options.region:
        arguments["client_kwargs"] = {"region_name": options.region}
    if options.sse_kms_key_id:
        arguments["s3_additional_kwargs"] = {
            "ServerSideEncryption": "aws:kms",
            "SSEKMSKeyId": options.sse_kms_key_id,
        }
    return arguments
