"""Replacements for identifiers: pure functions of the project's key and the original value.

No table and no shared state, so every worker, every order and every later run agrees; another key
gives unrelated values. Each kind of identifier has a sub-key of its own, so that a number which is a
patient ID here and an accession number there cannot be recognised as the same.
"""

from __future__ import annotations

import hmac
import unicodedata
from base64 import b32encode
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b

from tasks.deid.key import Key

PATIENT_LENGTH = 24
"""Base32 characters of a patient pseudonym: 120 bits, so that 10^9 patients collide with odds of 4e-19."""
SHIFT_RANGE_DAYS = (-3650, -30)
_SEPARATOR = "\x1f"
_CACHED = 1 << 11
_UUID_DIGITS = 39
"""Decimal digits of 128 bits, at most."""


class Pseudonyms:
    """Derives pseudonyms under one key.

    Parameters
    ----------
    key
        The project's key; only its sub-keys are held here.
    """

    def __init__(self, key: Key) -> None:
        self._key = key
        self._subkeys: dict[str, bytes] = {}
        # One of each changed value and word, many of an instance: keyed BLAKE2 takes a third of an HMAC's time.
        self._fingerprint_key, self._token_key = key.subkey("fingerprint"), key.subkey("cohort")
        # A study's UIDs and texts come again in each of its instances; the caches live as long as this worker.
        self.uid: Callable[[str | bytes], str] = lru_cache(_CACHED)(self._uid)
        """Map a UID to `2.25.` and a UUID (PS3.5 B.2), at most 44 characters; malformed ones by their bytes."""
        self.text: Callable[[str, str, int], str] = lru_cache(_CACHED)(self._text)
        """Give `length` (at most 52) base32 characters for a value: `text(purpose, value, length)`."""

    def patient(self, issuer: str, patient_id: str, study_uid: str) -> str:
        """Give the pseudonym of a patient.

        Parameters
        ----------
        issuer
            Issuer of Patient ID; the same ID from another issuer is another patient.
        patient_id
            Compared in NFKC form, upper case and trimmed, as front desks vary just these.
        study_uid
            Stands in where there is no patient ID, so that patients without one are never merged.

        Returns
        -------
        str
            24 characters A-Z and 2-7.
        """
        wanted = normalize(patient_id)
        if not wanted:
            return self.text("patient-without-id", study_uid, PATIENT_LENGTH)
        return self.text("patient", normalize(issuer) + _SEPARATOR + wanted, PATIENT_LENGTH)

    def shift_days(self, patient: str) -> int:
        """Give the days, -3650 to -30, by which all dates of a patient (by pseudonym) move.

        Whole days keep times of day and intervals; always into the past, so that no output lies in the future.
        """
        low, high = SHIFT_RANGE_DAYS
        return low + int.from_bytes(self._digest("date-shift", patient.encode())[:8]) % (high - low + 1)

    def _text(self, purpose: str, value: str, length: int) -> str:
        digest = self._digest(purpose, value.encode("utf-8", "surrogatepass"))
        return b32encode(digest)[:length].decode("ascii")

    def source_ref(self, uri: str) -> str:
        """Name a source object in logs, tables and lineage by 32 hex digits, since its URI may name a patient."""
        return self._digest("source-ref", uri.encode("utf-8", "surrogateescape"))[:16].hex()

    def fingerprint(self, value: bytes) -> str:
        """Give 16 hex digits by which two values can be compared and neither be read (keyed BLAKE2)."""
        return blake2b(value, digest_size=8, key=self._fingerprint_key).hexdigest()

    def token(self, token: bytes) -> int:
        """Give 64 bits by which a word of one instance is found in another, and cannot be read (keyed BLAKE2)."""
        return int.from_bytes(blake2b(token, digest_size=8, key=self._token_key).digest())

    def _uid(self, original: str | bytes) -> str:
        raw = original.encode("utf-8", "surrogatepass") if isinstance(original, str) else original
        number = int.from_bytes(self._digest("uid", raw.strip(b" \0"))[:16])
        # UUID version 8, "custom" (RFC 9562 section 5.8): 122 bits of the digest remain.
        number = number & ~(0xF << 76) | 8 << 76
        number = number & ~(0x3 << 62) | 2 << 62
        return f"2.25.{number}"

    def _digest(self, purpose: str, message: bytes) -> bytes:
        subkey = self._subkeys.get(purpose)
        if subkey is None:
            subkey = self._subkeys.setdefault(purpose, self._key.subkey(purpose))
        return hmac.digest(subkey, message, "sha256")


def is_mapped(uid: str) -> bool:
    """Tell whether a UID has the form that `Pseudonyms.uid` gives: `2.25.` and a UUID of version 8."""
    prefix, _, digits = uid.partition("2.25.")
    if prefix or not (digits.isascii() and digits.isdigit()) or len(digits) > _UUID_DIGITS:
        return False
    number = int(digits)
    return number < 1 << 128 and (number >> 76 & 0xF, number >> 62 & 0x3) == (8, 2)


def normalize(text: str) -> str:
    """Bring an identifier into the one form that is keyed: NFKC, trimmed, upper case, and free of the separator."""
    return unicodedata.normalize("NFKC", text).replace(_SEPARATOR, " ").strip(" \0\t\r\n").upper()
