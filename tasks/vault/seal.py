"""Seals what leads from a pseudonym to a person, one record at a time, and finds a record without opening others.

A record is encrypted with AES-256-GCM under a sub-key of the project's key that is used for nothing else. Its
nonce is a keyed digest of what it holds, so the same record is the same bytes in every run: a run that is repeated
adds nothing, and nobody learns more from it than that two records are equal. What a record is found by are keyed
digests too. Nothing of it can be read, or guessed and tested, without the key.
"""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tasks.errors import ConfigurationError

DIGEST_BYTES = 16
_NONCE_BYTES = 12
_PATIENT, _VALUE, _RECORD = b"patient\0", b"value\0", b"record\0"


class Identity(NamedTuple):
    """One original value and what stands for it.

    Attributes
    ----------
    kind
        `patient`, `study`, `series` or `instance`.
    original, pseudonym
        Patient ID or UID as found, and as written. A patient without ID has an empty original.
    patient
        Pseudonym of the patient it belongs to.
    issuer, name
        Issuer of Patient ID and Patient's Name; of a patient only.
    shift_days
        Days by which the patient's dates moved; None but for a patient.
    """

    kind: str
    original: str
    pseudonym: str
    patient: str
    issuer: str = ""
    name: str = ""
    shift_days: int | None = None


class Sealed(NamedTuple):
    """A record as it is stored.

    Attributes
    ----------
    record
        Names it: equal records have equal names.
    patient
        By which all records of a patient are found.
    keys
        By which its values are found, original and pseudonym.
    sealed
        Nonce and ciphertext.
    """

    record: bytes
    patient: bytes
    keys: tuple[bytes, ...]
    sealed: bytes


class Seal:
    """Seals and opens records under one key.

    Parameters
    ----------
    subkey
        Derives a 32-byte key for a purpose from the project's.
    """

    def __init__(self, subkey: Callable[[str], bytes]) -> None:
        self._cipher = AESGCM(subkey("identity-store"))
        self._index = subkey("identity-store-index")
        self._nonce = subkey("identity-store-nonce")

    def seal(self, identity: Identity) -> Sealed:
        """Encrypt a record; the same record gives the same bytes."""
        plain = orjson.dumps(list(identity))
        record = self._digest(_RECORD, plain)
        nonce = hmac.digest(self._nonce, plain, "sha256")[:_NONCE_BYTES]
        values = dict.fromkeys((identity.original, identity.pseudonym, identity.name))
        return Sealed(
            record,
            self.patient_key(identity.patient),
            tuple(self.value_key(value) for value in values if value),
            nonce + self._cipher.encrypt(nonce, plain, record),
        )

    def open(self, record: bytes, sealed: bytes) -> Identity:
        """Decrypt a record.

        Raises
        ------
        ConfigurationError
            If it was sealed under another key, or is not what was written.
        """
        try:
            plain = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], record)
        except (InvalidTag, ValueError):
            pass
        else:
            return Identity(*orjson.loads(plain))
        raise ConfigurationError(
            "A record of the identity store cannot be opened: it is damaged, or was sealed under another key. "
            "Give the key of the target, or restore restricted/identities from a backup."
        )

    def patient_key(self, pseudonym: str) -> bytes:
        """Give what all records of a patient are found by."""
        return self._digest(_PATIENT, pseudonym.encode("utf-8", "surrogatepass"))

    def value_key(self, value: str) -> bytes:
        """Give what a record with this value is found by; width, case and padding make no difference."""
        folded = unicodedata.normalize("NFKC", value).strip(" \0\t\r\n").upper()
        return self._digest(_VALUE, folded.encode("utf-8", "surrogatepass"))

    def _digest(self, purpose: bytes, message: bytes) -> bytes:
        return hmac.digest(self._index, purpose + message, "sha256")[:DIGEST_BYTES]
