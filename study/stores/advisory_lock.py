"""PostgreSQL advisory lock: only one machine at a time creates or migrates a store's tables."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from trainers.errors import InputError
from trainers.locks import NOTICE_SECONDS, UNKNOWN

from ..stopping import raise_if_stopped
from .outages import is_unreachable, reason_of, retry_while_locked
from .urls import redact

ADVISORY_LOCK = 0x6D616D6C
"""Key of the lock that is held while tables are created."""
POLL_SECONDS = 0.2


@contextmanager
def advisory_lock(url: str, name: str, tell: Callable[[str], None]) -> Iterator[None]:
    """Hold the server's table-creation lock for the store `name` at `url`; report a long wait through `tell`.

    Raises StoreUnreachable, ValueError if the server rejects the login, KeyboardInterrupt if stopped while waiting.
    """
    import sqlalchemy
    from sqlalchemy.pool import NullPool

    def connect() -> Any:
        try:
            return sqlalchemy.create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect()
        except sqlalchemy.exc.OperationalError as error:
            if is_unreachable(error):
                raise
            raise InputError(f"{name} rejected the connection: {redact(reason_of(error))}") from None

    with retry_while_locked(connect, name) as connection:
        _take(connection, name, tell)
        try:
            yield
        finally:
            connection.execute(sqlalchemy.text(f"SELECT pg_advisory_unlock({ADVISORY_LOCK})"))


def _take(connection: Any, name: str, tell: Callable[[str], None]) -> None:
    import sqlalchemy

    take = sqlalchemy.text(f"SELECT pg_try_advisory_lock({ADVISORY_LOCK})")
    until, reported = time.monotonic() + NOTICE_SECONDS, False
    while not connection.execute(take).scalar():
        if not reported and time.monotonic() >= until:
            reported = True
            tell(f"waiting for {name}: its tables are being created or checked by {_holder(connection)}")
        raise_if_stopped()
        time.sleep(POLL_SECONDS)


def _holder(connection: Any) -> str:
    """Return which client holds the lock, as far as the server knows."""
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
        f"a client on {host or 'the server itself'}, connected since {since:%Y-%m-%d %H:%M:%S} (server process"
        f" {process})"
    )
