"""Searches what a run left behind for planted tokens, in every form in which software hides a text.

A plain grep proves nothing: Prefect's results are base64 of a pickle, a Parquet page is compressed, a deflated
data set is, a log prints bytes as escapes, and a browser shows what an entity spells. So whatever is found is
taken apart again, down to a depth, and each piece is searched for each form of each token. Pickles are only
disassembled, since loading one runs it. What says by its first bytes what it is and yet cannot be decoded
makes the search fail instead of passing.
"""

from __future__ import annotations

import bz2
import html
import io
import json
import lzma
import pickletools
import re
import sqlite3
import tarfile
import tempfile
import unicodedata
import warnings
import zipfile
import zlib
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from datetime import UTC, date, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

import pyarrow as pa
import pyarrow.parquet as pq
import pydicom
from pydicom.dataset import Dataset

DEPTH = 8
"""Wrappings that are taken off, one inside the other."""

LARGEST = 64 << 20
"""Bytes that one compressed piece may grow to."""

DEFLATED = "1.2.840.10008.1.2.1.99"
Pieces = Iterator[tuple[str, bytes]]


class Undecodable(Exception):  # noqa: N818 - the search could not look inside, which is no finding
    """Something names its format and cannot be read in it, so nobody knows what it holds."""


class Needle(NamedTuple):
    """A planted token: a text, or a date."""

    name: str
    token: str | date


class Form(NamedTuple):
    """Bytes that stand for a token.

    Attributes
    ----------
    folded
        Searched whatever the case of ASCII letters.
    bounded
        Not searched inside 30 digits and more: the 39 of a UID of ours spell any eight by chance.
    """

    name: str
    pattern: bytes
    folded: bool = True
    bounded: bool = False


class Hit(NamedTuple):
    """A token that was found.

    Attributes
    ----------
    channel
        What was searched, as the caller calls it.
    place
        File and wrappings, the outermost first.
    form
        Token and form.
    excerpt
        Bytes around it.
    """

    channel: str
    place: str
    form: str
    excerpt: str


def find_canaries(
    source: Path | bytes, needles: Sequence[Needle], channel: str = "bytes", *, strict: bool = True
) -> list[Hit]:
    """Search a file, a whole folder with its names, or bytes.

    Parameters
    ----------
    strict
        Whether what cannot be decoded is an error; in a folder of damaged files it is not.

    Raises
    ------
    Undecodable
        If something says what it is and cannot be read as that.
    """
    search = _Search(needles, channel, strict=strict)
    if isinstance(source, bytes):
        search.search(source, "bytes", strict=strict)
    elif source.is_file():
        search.search_file(source, source.name)
    else:
        search.search_folder(source)
    return list(search.hits)


def forms_of(needle: Needle) -> list[Form]:
    """Give every form in which a token is searched."""
    if isinstance(needle.token, date):
        return _date_forms(needle.token)
    return _ascii_forms(needle.token) if needle.token.isascii() else _wide_forms(needle.token)


class _Search:
    """One search: what it looks for, what it has seen, what it has found."""

    def __init__(self, needles: Sequence[Needle], channel: str, *, strict: bool) -> None:
        self.channel = channel
        self.strict = strict
        self.hits: dict[Hit, None] = {}
        self._forms = [(needle.name, form) for needle in needles for form in dict.fromkeys(forms_of(needle))]
        self._seen: set[bytes] = set()

    def search_folder(self, folder: Path) -> None:
        """Search each file below `folder`, each name, and where each link points."""
        for path in sorted(folder.rglob("*")):
            place = str(path.relative_to(folder))
            self.search(place.encode("utf-8", "surrogateescape"), f"name of {place!r}")
            if path.is_symlink():
                self.search(str(path.readlink()).encode("utf-8", "surrogateescape"), f"link {place!r}")
            elif path.is_file():
                self.search_file(path, place)

    def search_file(self, path: Path, place: str) -> None:
        """Search a file; a database with what its journal adds."""
        data = path.read_bytes()
        log = path.with_name(path.name + "-wal")
        if data.startswith(_SQLITE) and log.is_file():
            self._search_pieces(_open_database(data, log.read_bytes()), place, DEPTH, strict=self.strict)
        self.search(data, place, strict=self.strict)

    def search(self, data: bytes, place: str, depth: int = DEPTH, *, strict: bool = False) -> None:
        """Search bytes, then what is wrapped in them."""
        digest = blake2b(data, digest_size=16).digest()
        if not data or digest in self._seen:
            return
        self._seen.add(digest)
        self._match(data, place)
        for decode in _DECODERS if depth else ():
            # Bytes that are no text only seem to hold escapes; resolving them ruins the format.
            self._search_pieces(decode(data), place, depth, strict=strict and decode is not _unescape)

    def _search_pieces(self, pieces: Pieces, place: str, depth: int, *, strict: bool) -> None:
        try:
            for label, piece in pieces:
                self.search(piece, f"{place} > {label}", depth - 1, strict=strict)
        except Undecodable as error:
            if strict:
                raise Undecodable(f"{self.channel}: {place}: {error}") from error

    def _match(self, data: bytes, place: str) -> None:
        lowered = data.lower()
        # Base64 and hex are broken into lines, and a line break may itself be written as an escape.
        unbroken = re.sub(rb"\r|\n|\\r|\\n", b"", data) if b"\n" in data or b"\\n" in data else None
        texts = [(data, lowered)] if unbroken is None else [(data, lowered), (unbroken, unbroken.lower())]
        for name, form in self._forms:
            for exact, folded in texts:
                where = folded if form.folded else exact
                at = _find_unbounded(where, form.pattern) if form.bounded else where.find(form.pattern)
                if at >= 0:
                    excerpt = repr(exact[max(0, at - 24) : at + len(form.pattern) + 24])
                    self.hits[Hit(self.channel, place, f"{name}: {form.name}", excerpt)] = None
                    break


def _find_unbounded(data: bytes, pattern: bytes) -> int:
    start = data.find(pattern)
    while start >= 0:
        before = len(data[max(0, start - 40) : start]) - len(data[max(0, start - 40) : start].rstrip(_DIGITS))
        tail = data[start + len(pattern) : start + len(pattern) + 40]
        after = len(tail) - len(tail.lstrip(_DIGITS))
        if before + len(pattern) + after < 30:
            return start
        start = data.find(pattern, start + 1)
    return -1


_DIGITS = b"0123456789"


# -- forms -------------------------------------------------------------------------------------------------


def _ascii_forms(token: str) -> list[Form]:
    """Give the forms of letters and digits; what folds case is given in lower case."""
    lower, spellings = token.lower(), {token.upper(), token.lower(), token.title()}
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in token)
    forms = [Form("plain", lower.encode()), Form("reversed", lower[::-1].encode())]
    forms += [
        Form(codec, lower.encode(codec)) for codec in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
    ]
    for text in sorted(spellings):
        data = text.encode()
        forms += [Form("hex", data.hex().encode()), Form("percent", _percent(data).lower())]
        forms += [Form("hex of utf-16", text.encode("utf-16-le").hex().encode())]
        forms += _base64_forms("base64", data) + _base64_forms("base64 of utf-16", text.encode("utf-16-le"))
    for text in (wide, wide.lower()):
        forms += [
            Form(f"full width {codec}", text.encode(codec), folded=False)
            for codec in ("utf-8", "gb18030", "utf-16-le", "utf-16-be")
        ]
    return forms


def _wide_forms(token: str) -> list[Form]:
    """Give the forms of ideographs: their encodings, those misread as Latin, and escapes of all of them."""
    forms: list[Form] = []
    for codec in ("utf-8", "gb18030"):
        data = token.encode(codec)
        forms += [Form(codec, data, folded=False), *_base64_forms(f"base64 of {codec}", data)]
        forms += [
            Form(f"percent of {codec}", _percent(data).lower()),
            Form(f"hex of {codec}", data.hex().encode()),
        ]
        forms += [Form(f"escaped {codec}", "".join(f"\\x{byte:02x}" for byte in data).encode())]
        misread = data.decode("latin-1")
        forms += [Form(f"{codec} misread", misread.encode(), folded=False)]
        forms += [
            Form(f"{codec} misread by windows", data.decode("cp1252", "replace").encode(), folded=False)
        ]
    for codec in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        forms += [Form(codec, token.encode(codec), folded=False)]
    units = token.encode("utf-16-be")
    escapes = "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))
    forms += [
        Form("json escape", escapes.encode()),
        *_base64_forms("base64 of utf-16", token.encode("utf-16-le")),
    ]
    return [form for form in forms if b"\xef\xbf\xbd" not in form.pattern]


_DATE_PATTERNS = (
    *("%Y%m%d", "%d%m%Y", "%m%d%Y", "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y:%m:%d", "%Y_%m_%d", "%Y %m %d"),
    *("%d-%m-%Y", "%d.%m.%Y", "%d/%m/%Y", "%m-%d-%Y", "%m/%d/%Y", "%d %b %Y", "%d-%b-%Y", "%d %B %Y"),
    *("%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%Y年%m月%d日"),
)


def _date_forms(day: date) -> list[Form]:
    """Give the ways of writing a day, the common ones also encoded."""
    texts = {pattern: day.strftime(pattern).lower() for pattern in _DATE_PATTERNS}
    forms = [Form(pattern, text.encode(), bounded=text.isdigit()) for pattern, text in texts.items()]
    short = f"{day.year}年{day.month}月{day.day}日"
    forms += [
        Form("Chinese", short.encode()),
        Form("Chinese in gb18030", short.encode("gb18030"), folded=False),
    ]
    python = f"date({day.year}, {day.month}, {day.day}"
    seconds = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    forms += [Form("repr", python.encode()), Form("seconds since 1970", str(seconds).encode(), bounded=True)]
    for text in (texts["%Y%m%d"], texts["%Y-%m-%d"]):
        data = text.encode()
        forms += [Form(f"{text} {codec}", text.encode(codec)) for codec in ("utf-16-le", "utf-16-be")]
        forms += [Form(f"{text} hex", data.hex().encode()), Form(f"{text} percent", _percent(data))]
        forms += _base64_forms(f"{text} base64", data)
    return forms


def _percent(data: bytes) -> bytes:
    return b"".join(b"%%%02x" % byte for byte in data) if data.isascii() else quote_from_bytes(data).encode()


def _base64_forms(name: str, data: bytes) -> list[Form]:
    """Give the letters that `data` alone decides, at each of the three places it may start in base64."""
    forms = []
    for before in range(3):
        first, last = (0, 2, 3)[before], (before + len(data)) * 8 // 6
        letters = b64encode(b"\0" * before + data)[first:last]
        forms += [Form(f"{name} {before}", letters, folded=False)]
        forms += [Form(f"{name} {before} url", letters.replace(b"+", b"-").replace(b"/", b"_"), folded=False)]
    return forms


# -- escapes of text ---------------------------------------------------------------------------------------

_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")
_BASE64_LINES = re.compile(rb"(?:[A-Za-z0-9+/]{16,}(?:\r?\n|\\r\\n|\\n))+[A-Za-z0-9+/]*={0,2}")
_BASE64_STARTS = (b"H4sI", b"KLUv", b"UEsD", b"gAS", b"gAW")
"""How gzip, zstd, zip and pickles start in base64, when a path or a prefix stands before them."""
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2}){16,}")
_HEX_ESCAPE = re.compile(rb"\\x([0-9A-Fa-f]{2})")
_PERCENT = re.compile(rb"%[0-9A-Fa-f]{2}")
_ENTITY = re.compile(rb"&(?:#[0-9]+|#[xX][0-9A-Fa-f]+|[A-Za-z]+);")


def _unescape(data: bytes) -> Pieces:
    """Give text with its escapes resolved: of URLs, of HTML, of Python's bytes; what holds a NUL is no text."""
    if b"\0" in data:
        return
    if _PERCENT.search(data):
        yield "percent", unquote_to_bytes(data)
    if _ENTITY.search(data):
        yield "entities", _ENTITY.sub(lambda found: html.unescape(found[0].decode()).encode(), data)
    if _HEX_ESCAPE.search(data):
        yield "escapes", _HEX_ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode()), data)


def _unescape_json(data: bytes) -> Pieces:
    """Give the strings of a JSON document, or of lines of JSON, where anything in them is escaped."""
    texts = [data, *data.splitlines()] if b"\\" in data else []
    for number, text in enumerate(texts):
        if text.lstrip()[:1] in (b"{", b"[", b'"'):
            with suppress(ValueError, RecursionError):
                strings = "\n".join(_strings_in(json.loads(text)))
                yield f"json {number}", strings.encode("utf-8", "surrogatepass")


def _strings_in(value: Any) -> Iterator[str]:
    """Give each string of nested lists and mappings, keys too, and other values as text."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _strings_in(key)
            yield from _strings_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strings_in(inner)
    elif isinstance(value, bytes):
        yield value.decode("utf-8", "surrogateescape")
    elif value is not None:
        yield str(value)


def _decode_base64(data: bytes) -> Pieces:
    runs = [(run.start(), run[0]) for run in _BASE64.finditer(data)]
    runs += [(run.start(), re.sub(rb"\\r|\\n|\s", b"", run[0])) for run in _BASE64_LINES.finditer(data)]
    for start, run in runs:
        letters = run.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
        for skipped in sorted({0, *(at for head in _BASE64_STARTS if (at := letters.find(head)) > 0)}):
            kept = letters[skipped:]
            kept = kept[: -1 or None] if len(kept) % 4 == 1 else kept
            with suppress(Base64Error):
                yield f"base64 at {start + skipped}", b64decode(kept + b"=" * (-len(kept) % 4))


def _decode_hex(data: bytes) -> Pieces:
    for run in _HEX.finditer(data):
        yield f"hex at {run.start()}", bytes.fromhex(run[0].decode())


def _decode_utf16(data: bytes) -> Pieces:
    """Give the text of what is mostly every second byte a NUL, so that base64 in it is found."""
    if len(data) >= 4 and data.count(b"\0") * 3 >= len(data):
        for codec, nul in (("utf-16-le", data[1::2]), ("utf-16-be", data[::2])):
            if nul.count(b"\0") * 3 >= 2 * len(nul):
                yield codec, data.decode(codec, "ignore").encode("utf-8", "ignore")


# -- compressed pieces, wherever they start ----------------------------------------------------------------

_ZLIB = re.compile(rb"x[\x01\x5e\x9c\xda]")
_GZIP, _ZSTD = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"
_PICKLE = re.compile(rb"\x80[\x02-\x05]")


def _inflate(data: bytes) -> Pieces:
    for label, bits, starts in (
        ("gzip", 31, _starts(data, _GZIP)),
        ("zlib", 15, [found.start() for found in _ZLIB.finditer(data)]),
    ):
        for start in starts:
            with suppress(zlib.error):
                inflated = zlib.decompressobj(bits).decompress(data[start:], LARGEST)
                yield f"{label} at {start}", inflated
    for label, head, decompressor in (
        ("bzip2", b"BZh", bz2.BZ2Decompressor),
        ("xz", b"\xfd7zXZ\0", lzma.LZMADecompressor),
    ):
        if data.startswith(head):
            with suppress(OSError, lzma.LZMAError):
                yield label, decompressor().decompress(data, LARGEST)


def _expand_zstd(data: bytes) -> Pieces:
    for start in _starts(data, _ZSTD):
        end = _end_of_zstd(data, start)
        if end is not None:
            with (
                suppress(OSError),
                pa.CompressedInputStream(pa.BufferReader(data[start:end]), "zstd") as stream,
            ):
                yield f"zstd at {start}", stream.read(LARGEST)


def _end_of_zstd(data: bytes, start: int) -> int | None:
    """Find where a frame ends (RFC 8878 section 3.1.1): what follows it would make the decoder fail."""
    descriptor = data[start + 4] if len(data) > start + 4 else 0
    single, size_flag, id_flag = descriptor >> 5 & 1, descriptor >> 6, descriptor & 3
    position = start + 5 + (not single) + (0, 1, 2, 4)[id_flag] + (single, 2, 4, 8)[size_flag]
    while position + 3 <= len(data):
        block = int.from_bytes(data[position : position + 3], "little")
        last, kind, size = block & 1, block >> 1 & 3, block >> 3
        position += 3 + (1 if kind == 1 else size)
        if last:
            end = position + (4 if descriptor & 4 else 0)
            return end if kind != 3 and end <= len(data) else None
    return None


def _starts(data: bytes, head: bytes) -> Iterator[int]:
    start = data.find(head)
    while start >= 0:
        yield start
        start = data.find(head, start + 1)


def _disassemble_pickle(data: bytes) -> Pieces:
    """Give what a pickle would load: its strings and bytes, and its dates spelled out."""
    for found in _PICKLE.finditer(data):
        with suppress(ValueError, IndexError, UnicodeDecodeError, KeyError, AttributeError, OverflowError):
            for opcode, argument, position in pickletools.genops(data[found.start() :]):
                place = f"pickle at {found.start()} {opcode.name} {position}"
                if isinstance(argument, str):
                    yield place, argument.encode("utf-8", "surrogatepass")
                    with suppress(UnicodeEncodeError):  # protocol 2 has no bytes, it writes them as Latin-1
                        yield place, argument.encode("latin-1")
                elif isinstance(argument, bytes | bytearray):
                    yield place, bytes(argument)
                    if len(argument) in (4, 10) and 0 < argument[2] < 13:
                        yield (
                            place,
                            b"%04d-%02d-%02d" % (argument[0] << 8 | argument[1], argument[2], argument[3]),
                        )
                elif isinstance(argument, int | float):
                    yield place, str(argument).encode()


# -- whole files -------------------------------------------------------------------------------------------

_SQLITE = b"SQLite format 3\0"


def _unpack_archive(data: bytes) -> Pieces:
    if data.startswith(b"PK\x03\x04"):
        with (
            _format("zip", zipfile.BadZipFile, NotImplementedError),
            zipfile.ZipFile(io.BytesIO(data)) as archive,
        ):
            yield "zip comment", archive.comment
            for entry in archive.infolist():
                yield f"zip {entry.filename!r}", entry.filename.encode() + b"\n" + entry.comment
                yield f"zip {entry.filename!r}", archive.read(entry)
    elif data[257:262] == b"ustar":
        with _format("tar", tarfile.TarError), tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                yield f"tar {member.name!r}", f"{member.name}\n{member.linkname}\n{member.uname}".encode()
                content = tar.extractfile(member)
                if content is not None:
                    yield f"tar {member.name!r}", content.read()


def _decode_database(data: bytes) -> Pieces:
    return _open_database(data, b"") if data.startswith(_SQLITE) else iter(())


def _open_database(data: bytes, log: bytes) -> Pieces:
    """Give every value of every table of an SQLite database, with what its write-ahead log adds."""
    with tempfile.TemporaryDirectory() as folder, _format("SQLite", sqlite3.Error):
        path = Path(folder) / "copy.db"
        path.write_bytes(data)
        if log:
            path.with_name("copy.db-wal").write_bytes(log)
        with closing(sqlite3.connect(path)) as database:
            database.text_factory = bytes
            tables = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
            for name, sql in tables:
                table = name.decode()
                yield f"schema of {table}", sql or b""
                rows = database.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - the name comes from the database
                columns = [column[0] for column in rows.description]
                for number, row in enumerate(rows):
                    for column, value in zip(columns, row, strict=True):
                        if value is not None:
                            text = value if isinstance(value, bytes) else str(value).encode()
                            yield f"{table}.{column} row {number}", text


def _decode_parquet(data: bytes) -> Pieces:
    """Give footer, statistics, dictionaries and values of a Parquet file."""
    if not (data.startswith(b"PAR1") and data.endswith(b"PAR1")):
        return
    with _format("Parquet", pa.ArrowException, OSError):
        file = pq.ParquetFile(pa.BufferReader(data))
        for key, value in (file.metadata.metadata or {}).items():
            yield f"footer {key!r}", value
        leaves = [file.schema.column(number) for number in range(len(file.schema))]
        for group in range(file.metadata.num_row_groups):
            for number, leaf in enumerate(leaves):
                statistics = file.metadata.row_group(group).column(number).statistics
                if statistics is not None and statistics.has_min_max:
                    yield f"statistics of {leaf.path}", f"{statistics.min}\n{statistics.max}".encode()
        table = file.read()
        for name in table.column_names:
            yield from _values_of_column(name, table.column(name).to_pylist())
        texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
        encoded = pq.ParquetFile(pa.BufferReader(data), read_dictionary=texts).read()
        for name in encoded.column_names:
            for chunk in encoded.column(name).chunks:
                # A dictionary keeps what no row refers to any more.
                dictionary = chunk.dictionary if pa.types.is_dictionary(chunk.type) else None
                yield from _values_of_column(
                    f"dictionary of {name}", dictionary.to_pylist() if dictionary else ()
                )


def _values_of_column(name: str, values: Iterable[Any]) -> Pieces:
    """Give a column's values, long ones one by one, since they may be documents of their own."""
    short: list[str] = []
    for number, value in enumerate(values):
        for text in _strings_in(value):
            if len(text) > 256:
                yield f"column {name} row {number}", text.encode("utf-8", "surrogateescape")
            else:
                short.append(text)
    yield f"column {name}", "\n".join(short).encode("utf-8", "surrogateescape")


def _decode_dicom(data: bytes) -> Pieces:
    """Give every element of a DICOM file at every depth, raw and as text; a deflated one inflated first."""
    if data[128:132] != b"DICM":
        return
    with _format("DICOM", Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(io.BytesIO(data))
        if dataset.file_meta.get("TransferSyntaxUID") == DEFLATED:
            stream = zlib.decompressobj(-15)
            start = 144 + dataset.file_meta.FileMetaInformationGroupLength
            yield "inflated", stream.decompress(data[start:], LARGEST) + stream.unused_data
        yield from _elements(dataset.file_meta, "")
        yield from _elements(dataset, "")


def _elements(dataset: Dataset, path: str) -> Pieces:
    for tag in dataset:
        element = dataset[tag.tag]
        place = f"{path}{element.tag}"
        if element.VR == "SQ":
            for number, item in enumerate(element.value):
                yield from _elements(item, f"{place}[{number}].")
        elif isinstance(element.value, bytes):
            yield place, element.value
        else:
            text = str(element.value)
            yield place, text.encode("utf-8", "surrogateescape")
            yield place, unicodedata.normalize("NFKC", text).encode("utf-8", "surrogateescape")


class _format:  # noqa: N801 - reads as a statement
    """Say which format something was not, after all, in."""

    def __init__(self, name: str, *errors: type[Exception]) -> None:
        self._name = name
        self._errors = errors

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is not None and isinstance(error, self._errors) and not isinstance(error, Undecodable):
            raise Undecodable(f"no {self._name} after all: {type(error).__name__}: {error}") from error


_DECODERS: tuple[Callable[[bytes], Pieces], ...] = (
    _unescape,
    _unescape_json,
    _decode_base64,
    _decode_hex,
    _decode_utf16,
    _inflate,
    _expand_zstd,
    _disassemble_pickle,
    _unpack_archive,
    _decode_database,
    _decode_parquet,
    _decode_dicom,
)
