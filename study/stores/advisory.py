"""PostgreSQL's advisory lock: no two machines make or change a store's tables at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from trainers.errors import InputError
from trainers.locks import NOTICE_SECONDS, UNKNOWN

from ..stopping import raise_if_stopped
from .patience import is_away, patiently, reason_of
from .urls import redact

ADVISORY_LOCK = 0x6D616D6C
"""PostgreSQL's number for "mamlab makes tables": no two machines do so at once."""
LOOK_SECONDS = 0.2


@contextmanager
def advisory_lock(url: str, name: str, tell: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of who makes tables on the server, for the store `name` at `url`; `tell` gets a line if that takes
    long.

    Raises StoreAway, ValueError if the server refuses us, KeyboardInterrupt if stopped meanwhile.
    """
    import sqlalchemy
    from sqlalchemy.pool import NullPool

    def connect() -> Any:
        try:
            return sqlalchemy.create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect()
        except sqlalchemy.exc.OperationalError as error:
            if is_away(error):
                raise
            raise InputError(f"{name} refuses us: {redact(reason_of(error))}") from None

    with patiently(connect, name) as connection:
        _take(connection, name, tell)
        try:
            yield
        finally:
            connection.execute(sqlalchemy.text(f"SELECT pg_advisory_unlock({ADVISORY_LOCK})"))


def _take(connection: Any, name: str, tell: Callable[[str], None]) -> None:
    import sqlalchemy

    take = sqlalchemy.text(f"SELECT pg_try_advisory_lock({ADVISORY_LOCK})")
    until, told = time.monotonic() + NOTICE_SECONDS, False
    while not connection.execute(take).scalar():
        if not told and time.monotonic() >= until:
            told = True
            tell(f"waiting for {name}: its tables are being made or looked at by {_holder(connection)}")
        raise_if_stopped()
        time.sleep(LOOK_SECONDS)


def _holder(connection: Any) -> str:
    """Return which client of the server holds the lock, as far as the server says."""
    import sqlalchemy

    found = connection.execute(
        sqlalchemy.text(
            "SELECT a.client_addr, a.pid, a.backend_start FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
            f"WHERE l.locktype = 'advisory' AND l.objid = {ADVISORY_LOCK} AND l.granted "
            "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
    ).first()
    if found is None:
        return UNKNOWN
    host, process, since = found
    return (
        f"a client on {host or 'the server itself'}, connected since {since:%Y-%m-%d %H:%M:%S} (the server's process"
        f" {process})"
    )
