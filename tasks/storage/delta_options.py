"""How deltalake reaches the bucket s3fs reaches: it has its own S3 client and knows nothing of profiles.

Credentials are looked up here by botocore, at the moment of use, because deltalake's own chain does not
know every kind of profile (SSO, processes). They are in clear in these options and nowhere else: the
options neither print nor pickle.
"""

from __future__ import annotations

from typing import NoReturn
from urllib.parse import urlsplit, urlunsplit

from botocore.exceptions import BotoCoreError
from botocore.session import Session

from tasks.errors import ContractError
from tasks.storage.faults import S3Fault
from tasks.storage.s3_credentials import credentials_of
from tasks.storage.s3_options import S3Options, find_endpoint


class DeltaOptions(dict[str, str]):
    """`storage_options` of deltalake that show their names only."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Show no value: three of them open the bucket."""
        return f"DeltaOptions({sorted(self)})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse to be pickled into a task graph or a result; make them where they are used."""
        raise ContractError("Delta options hold credentials and are not sent anywhere")


def make_delta_options(bucket: str, options: S3Options) -> DeltaOptions:
    """Derive deltalake's options, named as in object_store's `AmazonS3ConfigKey`.

    Raises
    ------
    S3Fault
        The AWS chain has no credentials, or failed to get them.
    """
    try:
        session = Session(profile=options.profile)
        region = options.region or session.get_config_variable("region")
        given = {
            "AWS_REGION": region,
            **_describe_endpoint(bucket, options),
            **({"AWS_SKIP_SIGNATURE": "true"} if options.anon else _find_credentials(session, options)),
            **({"AWS_REQUEST_PAYER": "true"} if options.requester_pays else {}),
            **_describe_encryption(options),
        }
    except BotoCoreError as error:
        fault = S3Fault(type(error).__name__)
    else:
        return DeltaOptions({name: value for name, value in given.items() if value})
    raise fault


def _describe_endpoint(bucket: str, options: S3Options) -> dict[str, str]:
    virtual = {"AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true"} if options.addressing_style == "virtual" else {}
    endpoint = find_endpoint(options)
    if endpoint is None:
        return virtual
    parts = urlsplit(endpoint)
    if virtual:
        # Unlike botocore, object_store wants the bucket already in the host name of its endpoint.
        endpoint = urlunsplit(parts._replace(netloc=f"{bucket}.{parts.netloc}"))
    allow_http = {"AWS_ALLOW_HTTP": "true"} if parts.scheme == "http" else {}
    return {"AWS_ENDPOINT_URL": endpoint, **allow_http, **virtual}


def _find_credentials(session: Session, options: S3Options) -> dict[str, str]:
    if options.credentials_block:
        found = credentials_of(options.credentials_block)
        return _name(found.access_key, found.secret_key, found.token)
    credentials = session.get_credentials()
    if credentials is None:
        raise S3Fault("NoCredentialsError")
    frozen = credentials.get_frozen_credentials()
    return _name(frozen.access_key, frozen.secret_key, frozen.token)


def _name(access_key: str, secret_key: str, token: str | None) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_SESSION_TOKEN": token or "",
    }


def _describe_encryption(options: S3Options) -> dict[str, str]:
    if options.sse_kms_key_id is None:
        return {}
    return {"AWS_SERVER_SIDE_ENCRYPTION": "aws:kms", "AWS_SSE_KMS_KEY_ID": options.sse_kms_key_id}
