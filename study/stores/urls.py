"""URLs of the two stores: where they are configured, which are valid, and how to show them without secrets.

All studies of a home share one pair of stores: SQLite files in the home, or what `stores.toml` in it or the environment
(`MAMLAB_OPTUNA_URL`, `MAMLAB_MLFLOW_URL`, which take precedence) names.
"""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from urllib.parse import parse_qsl, urlencode, urlsplit

from reports.data.text_files import TextError, read_text
from trainers.errors import InputError

FILE = "stores.toml"
VARIABLES = {"optuna": "MAMLAB_OPTUNA_URL", "mlflow": "MAMLAB_MLFLOW_URL"}
EXAMPLES = {
    "optuna": "postgresql://USER@HOST/DATABASE",
    "mlflow": "postgresql://USER@HOST/DATABASE, or http://HOST:PORT of an MLflow server",
}
DRIVERS = {"psycopg2": "psycopg2", "psycopg": "psycopg"}
TIMEOUTS = {
    "connect_timeout": "5", "keepalives_idle": "10", "keepalives_interval": "3", "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}  # fmt: skip
"""libpq settings with which a dead server is noticed within seconds, not hours."""

_USER_INFO = re.compile(r"(?P<head>\b[a-zA-Z][\w+.-]*://)(?P<user>[^\s:/@]*)(?P<password>:\S+)?@")
_NAME = r"\w*(?:password|passwd|token|secret|api_?key)"
_SECRET = re.compile(
    rf"(?P<head>\b{_NAME}\s*=\s*|[\"']{_NAME}[\"']\s*:\s*|\bauthorization\W+(?:bearer|basic)\s+)"
    r"(?:'[^']*'|\"[^\"]*\"|(?:\\.|[^\s&'\"])+)",
    re.IGNORECASE,
)
"""NAME=value, 'NAME': value, and authorization headers; a value may be quoted."""


def redact(text: str) -> str:
    """Return `text` with every password and token replaced by ***.

    These are the password before the @ of a URL (everything before it in http://TOKEN@host), and the values of names
    with password, token, secret and the like: sslpassword=..., PGPASSWORD='...', {"password": "..."}.
    """
    return _SECRET.sub(r"\g<head>***", _USER_INFO.sub(_without_password, text))


def _without_password(found: re.Match[str]) -> str:
    web = found["head"].lower().startswith("http")
    user = found["user"] if found["password"] or not web else "***"
    return f"{found['head']}{user}{':***' if found['password'] else ''}@"


def shown(address: str) -> str:
    """Return a URL as shown to the user: without password and query."""
    return re.sub(r"^postgresql\+\w+:", "postgresql:", redact(address).partition("?")[0]).removeprefix("sqlite:///")


def store_addresses(root: Path, given: Mapping[str, str | None] = MappingProxyType({})) -> dict[str, str]:
    """Return the URLs of "optuna" and "mlflow" for the home `root`; those `given` override all others.

    Raises ValueError for an invalid URL, naming where it is configured and never its password.
    """
    table = _read(root / FILE)
    found = {"optuna": f"sqlite:///{root / 'optuna.db'}", "mlflow": f"sqlite:///{root / 'mlflow.db'}"}
    for store, variable in VARIABLES.items():
        if own := given.get(store):
            found[store] = _checked(store, own, f"{store}_url")
        elif text := os.environ.get(variable):
            found[store] = _checked(store, text, variable)
        elif store in table:
            found[store] = _checked(store, table[store], f"{root / FILE}: {store}")
    if found["optuna"] == found["mlflow"]:
        raise InputError(
            f"Optuna and MLflow cannot share the database {shown(found['optuna'])}: both have tables of the same name; "
            "create a second database on that server"
        )
    return found


def open_to_others(root: Path) -> str:
    """Return a warning if `stores.toml` contains a password and other users can read it; else ""."""
    file = root / FILE
    try:
        mode = file.stat().st_mode
        secret = redact(text := read_text(file)) != text
    except (OSError, TextError):
        return ""
    if not secret or not mode & 0o077:
        return ""
    return (
        f"{file} contains a password, and other users of this machine can read it. To restrict access:"
        f" {shlex.join(['chmod', '600', str(file)])}"
    )


def _read(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    try:
        table = tomllib.loads(read_text(file))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{file}: not valid TOML: {error}") from None
    for key, value in table.items():
        if key not in VARIABLES:
            raise InputError(f'{file}: unknown key "{key}"; valid keys: {", ".join(VARIABLES)}')
        if not isinstance(value, str):
            raise InputError(f'{file}: {key} must be a URL in quotes, such as "{EXAMPLES[key]}"')
    return table


def _checked(store: str, text: str, where: str) -> str:
    """Return `text` as a URL for SQLAlchemy or MLflow."""
    scheme, separator, rest = text.strip().partition("://")
    if store == "mlflow" and scheme in ("http", "https") and rest:
        return text.strip().rstrip("/")
    dialect, _, driver = scheme.partition("+")
    if not separator or dialect not in ("postgresql", "postgres") or driver not in ("", *DRIVERS):
        raise InputError(f'{where} must be {EXAMPLES[store]}, not "{redact(text)}"')
    driver = driver or "psycopg2"
    if find_spec(DRIVERS[driver]) is None:
        raise InputError(f"{where} needs the PostgreSQL driver {driver}: pip install 'mamlab[postgres]'")
    parts = urlsplit(f"postgresql+{driver}://{rest}")
    settings = TIMEOUTS | dict(parse_qsl(parts.query, keep_blank_values=True))
    return parts._replace(query=urlencode(settings, safe="/")).geturl()
