"""Addresses of the network: mail, pages, machines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.deid.text.found import Found
from tasks.deid.text.study import StudyIdentifiers
from tasks.deid.text.view import View

_MAIL = re.compile(
    r"(?<![a-z0-9_.+-])[a-z0-9_.+%'-]{1,64}(?: ?(?:@|\(at\)|\[at\]) ?)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,6}"
)
_URL = re.compile(
    r"(?<![^\W_])(?:[a-z][a-z0-9+.-]{1,15}://|www\.|file:|mailto:|urn:|wechat:|微信号?[:： ]|qq[:："
    r" ]?(?=[0-9]))[^\s,;，。；、)\]>]{1,2000}"
)
_DOMAIN = re.compile(
    r"(?<![\w.-])[a-z0-9](?:[a-z0-9-]{0,62})(?:\.[a-z0-9-]{1,63}){0,5}\."
    r"(?:com|org|net|edu|gov|int|info|biz|local|lan|intra|internal|hospital|health|de|at|ch|fr|es"
    r"|it|pt|nl|be|uk|ie|us|ca|au|cn|hk|tw|jp|kr|ru|ua|pl|br|mx|ar|in|eu|io)(?![\w-])(?:/[^\s,;]{0,500})"
    r"?"
)
_IPV4 = re.compile(r"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?::[0-9]{1,5})?(?![0-9.]*[0-9])")
_IPV6 = re.compile(
    r"(?<![0-9a-z:])(?:[0-9a-f]{1,4}:){2,7}(?::?[0-9a-f]{1,4})?(?![0-9a-z:])|(?<![0-9a-z:])(?:[0-9a-f]{1"
    r",4}:){1,6}:(?:[0-9a-f]{1,4}:){0,5}[0-9a-f]{1,4}(?![0-9a-z])"
)
_MAC = re.compile(
    r"(?<![0-9a-z])(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}(?![0-9a-z])|(?<![0-9a-z])(?:[0-9a-f]{4}\.){2}[0-9a-"
    r"f]{4}(?![0-9a-z])"
)
_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?")
_HANDLE = re.compile(r"(?<![\w@])@[\w.-]{2,40}")


def find_mail(view: View, _study: StudyIdentifiers) -> Iterator[Found]:
    """Find mail addresses and names on networks."""
    if "@" in view.folded or "at)" in view.folded or "at]" in view.folded:
        for pattern in (_MAIL, _HANDLE):
            for match in pattern.finditer(view.folded):
                yield Found("mail", *match.span())


def find_urls(view: View, _study: StudyIdentifiers) -> Iterator[Found]:
    """Find addresses of pages, and names of machines."""
    marks = view.folded
    for pattern in (
        (_URL, _DOMAIN) if "." in marks or ":" in marks or "qq" in marks or "微信" in marks else ()
    ):
        for match in pattern.finditer(view.folded):
            yield Found("url", *match.span())


def find_machines(view: View, _study: StudyIdentifiers) -> Iterator[Found]:
    """Find IP and MAC addresses."""
    marks = view.folded
    for pattern in (_MAC, _IPV4, _IPV6) if ":" in marks or "." in marks or "-" in marks else ():
        for match in pattern.finditer(view.folded):
            if not _CLOCK.fullmatch(match[0]):
                yield Found("machine", *match.span())
