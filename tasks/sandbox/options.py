"""The settings of the careful reader and of the child it runs in, with what they are by default."""

from __future__ import annotations

from dataclasses import fields

from pydantic import BaseModel, ConfigDict, Field

from tasks.dicom.reader import Limits
from tasks.sandbox.limits import SandboxLimits

_MIB = 1 << 20


class ParserOptions(BaseModel):
    """What one object may ask for before it is refused.

    Attributes
    ----------
    memory_bytes
        Address space of the child process, 170 MB of its own included; beyond it, `PARSER_MEMORY`.
    wall_seconds, cpu_seconds
        Time for one object, without the time its storage takes; beyond it, `PARSER_TIMEOUT`.
    plugins
        Modules the child imports when it starts, to register pixel decoders with pydicom.
    header_bytes
        Longest header; beyond it, `LENGTH_BEYOND_EOF`.
    max_depth
        Sequences within sequences; beyond it, `NESTING_TOO_DEEP`.
    max_elements
        Elements beyond which private ones are dropped (`TOO_MANY_ELEMENTS`).
    most_elements
        Elements and items beyond which an object is refused (`PARSER_MEMORY`).
    inflate_ratio, inflate_bytes
        A deflated data set may grow to the larger of `inflate_ratio` times its size and 16 MiB, and never beyond
        `inflate_bytes` (`DECOMPRESSION_RATIO`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    memory_bytes: int = Field(default=1024 * _MIB, ge=256 * _MIB)
    wall_seconds: float = Field(default=60, gt=0)
    cpu_seconds: int = Field(default=30, ge=1)
    plugins: tuple[str, ...] = ()
    header_bytes: int = Field(default=256 * _MIB, ge=1 << 16)
    max_depth: int = Field(default=64, ge=1, le=200)
    max_elements: int = Field(default=50_000, ge=1)
    most_elements: int = Field(default=500_000, ge=1)
    inflate_ratio: int = Field(default=100, ge=1)
    inflate_bytes: int = Field(default=1024 * _MIB, ge=1)

    def limits(self, check_pixels: str) -> Limits:
        """Give the limits the reader keeps itself."""
        names = {field.name for field in fields(Limits)}
        own = {name: value for name, value in self.model_dump().items() if name in names}
        return Limits(**own, check_pixels=check_pixels)

    def sandbox(self) -> SandboxLimits:
        """Give the limits the kernel keeps."""
        return SandboxLimits(self.memory_bytes, self.wall_seconds, self.cpu_seconds, self.plugins)
