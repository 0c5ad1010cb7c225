"""Field types shared by sections of a spec file: names, and lists of strings."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

NAME = r"^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$"

Strings = Annotated[tuple[str, ...], Field(strict=False)]
