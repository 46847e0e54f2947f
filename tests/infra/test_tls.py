"""tls.sh and secrets.sh: what they make, and that they make it for its owner alone."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID

from tasks.deid.key import load_key
from tests.infra.files import INFRA, compose_variables, read
from tests.programs import need


def _certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_nodes_have_certificates_of_one_private_authority(certificates: Path) -> None:
    authority = _certificate(certificates / "ca.pem")
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(
        ca=True, path_length=0
    )
    for name in ("scheduler", "worker", "client"):
        node = _certificate(certificates / name / "cert.pem")
        node.verify_directly_issued_by(authority)
        key = node.public_key()
        assert isinstance(key, EllipticCurvePublicKey)
        assert isinstance(key.curve, SECP256R1)
        assert not node.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        names = node.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == [name]
        usage = node.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert set(usage) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
        left = node.not_valid_after_utc - datetime.now(UTC)
        assert timedelta(days=390) < left < timedelta(days=399)


def test_everything_is_for_its_owner_alone(certificates: Path) -> None:
    assert all(path.stat().st_mode & 0o077 == 0 for path in certificates.rglob("*"))


def test_a_second_run_renews_the_nodes_and_keeps_the_authority(tmp_path: Path) -> None:
    need("openssl")
    command = [str(INFRA / "tls.sh"), str(tmp_path), "worker"]
    subprocess.run(command, check=True)
    authority, node = ((tmp_path / name).read_bytes() for name in ("ca.pem", "worker/cert.pem"))
    subprocess.run(command, check=True)
    assert (tmp_path / "ca.pem").read_bytes() == authority
    assert (tmp_path / "worker" / "cert.pem").read_bytes() != node


@pytest.mark.parametrize("name", ["../out", "a b", "-x", ".hidden"])
def test_a_name_that_is_no_host_is_refused(tmp_path: Path, name: str) -> None:
    done = subprocess.run(
        [str(INFRA / "tls.sh"), str(tmp_path / "in"), name], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "no host name" in done.stderr


def test_the_secrets_are_all_that_compose_asks_for(tmp_path: Path) -> None:
    need("openssl")
    folder = tmp_path / "secrets"
    for _ in range(2):
        subprocess.run([str(INFRA / "secrets.sh"), str(folder)], check=True, capture_output=True)
    given = dict(
        line.split("=", 1)
        for line in (folder / "compose.env").read_text().splitlines()
        if not line.startswith("#")
    )
    asked = {name for name, rest in compose_variables(read("compose.yaml")) if rest.startswith(":?")}
    assert asked == set(given)
    assert all(given.values())
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.rglob("*"))
    for role in ("worker", "flow"):
        assert load_key(file=folder / role / "project.key")
    assert not (folder / "scheduler" / "project.key").exists()


def test_secrets_are_not_made_inside_the_repository() -> None:
    before = sorted((INFRA / "iam").rglob("*"))
    done = subprocess.run(
        [str(INFRA / "secrets.sh"), str(INFRA / "iam")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "outside" in done.stderr
    assert sorted((INFRA / "iam").rglob("*")) == before
