"""The connection to a Ray cluster, with its token if it needs one, or an error that says what is wrong.

`ray start --head` requires a token if its machine has one (`~/.ray/auth_token`). Ray itself tells a wrong token, a
wrong address and a missing cluster apart only in its log, after 20 to 40 seconds, so they are checked first.
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ...processes import reach_loopback_directly
from ...stores.urls import VARIABLES
from .local import WorkersError

OBJECT_STORE_BYTES = 256 * 2**20
"""Object store of a local Ray: events are small, and Ray's default is a third of the memory."""
CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 10.0
"""How long to wait for a cluster's first answer."""
MODE = "RAY_AUTH_MODE"


def connect(address: str | None) -> bool:
    """Connect to the cluster at `address`, or start a local Ray; False if Ray is already connected.

    Raises WorkersError, saying whether nothing listens there, the token is missing or wrong, or versions differ.
    """
    reach_loopback_directly()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is None or address.startswith(("127.0.0.1:", "localhost:")):
        # Otherwise Ray listens on all networks of this machine, and replaces 127.0.0.1 by another address.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    try:
        import ray
    except ImportError:
        raise WorkersError(
            '[execution] executor = "ray" needs Ray, which is not installed: pip install "mamlab[ray]", '
            'or write executor = "local"'
        ) from None
    if ray.is_initialized():
        return False
    if address:
        _knock(address)
    with own_signals(), _no_secrets():
        _init(address)
    return True


def _init(address: str | None) -> None:
    import ray

    own: dict[str, Any] = {"object_store_memory": OBJECT_STORE_BYTES, "include_dashboard": False}
    try:
        ray.init(
            address=address or "local", logging_level=logging.ERROR, log_to_driver=False, **({} if address else own)
        )
    except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        reason = " ".join(str(error).split())
        if address is None:
            raise WorkersError(f'[execution] executor = "ray": cannot start Ray on this machine: {reason}') from None
        if "ersion mismatch" in reason:
            raise _refused(
                address,
                f"the cluster has other versions of Ray or Python: {reason}. Install the same versions everywhere",
            ) from None
        raise _refused(
            address,
            f"no Ray cluster answers there ({reason}); start one with `ray start --head`, or leave out address to use "
            "only this machine",
        ) from None


def _refused(address: str, why: str) -> WorkersError:
    return WorkersError(f'[execution] address = "{address}": {why}')


def _knock(address: str) -> None:
    """Check that the cluster answers, with the token if it needs one. Raises WorkersError."""
    try:
        from ray._private.services import canonicalize_bootstrap_address
        from ray.exceptions import AuthenticationError
    except ImportError:  # a Ray release without tokens or with other internals: rely on its own errors
        return
    if "://" in address:
        return
    try:
        place = canonicalize_bootstrap_address(address)
    except (ValueError, OSError) as error:
        raise _refused(address, f"not an address as host:port: {error}") from None
    if place is None:  # "auto" without a cluster on this machine: Ray reports that at once
        return
    _check_listens(address, place)
    answer = _ask(place)
    if os.environ.get(MODE) is None:
        if isinstance(answer, AuthenticationError) and _has_token():
            os.environ[MODE] = "token"
            _inside().Config.initialize("")
            answer = _ask(place)
        elif (
            address == "auto" and answer is None
        ):  # Ray would use an existing token, and reject the cluster's own calls
            os.environ[MODE] = "disabled"
    if isinstance(answer, AuthenticationError):
        raise _refused(address, _about_the_token())
    if answer is not None:
        raise _refused(address, f"what listens there is not a Ray cluster: {answer}")


def _check_listens(address: str, place: str) -> None:
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except OSError as error:
        raise _refused(
            address,
            f"nothing answers there ({error}); start a Ray cluster with `ray start --head`, or leave out address to "
            "use only this machine",
        ) from None


def _ask(place: str) -> Exception | None:
    """Return the error of a first request to the cluster, None if it answers."""
    answers: list[Exception | None] = []

    def ask() -> None:
        try:
            _inside().GcsClient(address=place)
            answers.append(None)
        except Exception as error:  # any error is reported
            answers.append(error)

    asking = threading.Thread(target=ask, daemon=True)  # Ray waits 40 seconds for something that is no cluster
    with _silent():
        asking.start()
        asking.join(ANSWER_SECONDS)
    return answers[0] if answers else TimeoutError(f"no answer within {ANSWER_SECONDS:g} s")


@contextmanager
def _silent() -> Iterator[None]:
    """Keep Ray from printing its log of a rejection to the screen."""
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _inside() -> Any:
    """Return Ray's C++ module, which has no type hints for what is used here."""
    return importlib.import_module("ray._raylet")


def _has_token() -> bool:
    from ray.exceptions import AuthenticationError

    try:
        return bool(_inside().AuthenticationTokenLoader.instance().has_token(ignore_auth_mode=True))
    except AuthenticationError:  # RAY_AUTH_TOKEN_PATH names a file that is not there
        return False


def _about_the_token() -> str:
    """Say why the cluster rejected the connection, and where its token is searched; never the token."""
    mode = os.environ.get(MODE, "")
    if mode and mode.lower() != "token":
        return f"the cluster needs a token, but {MODE}={mode} here keeps Ray from sending one; unset it"
    file = Path.home() / ".ray" / "auth_token"
    if os.environ.get("RAY_AUTH_TOKEN"):
        place = "the environment variable RAY_AUTH_TOKEN"
    else:
        place = os.environ.get("RAY_AUTH_TOKEN_PATH") or str(file)
    copy = (
        f"copy {file} from the machine on which `ray start --head` ran, or set RAY_AUTH_TOKEN_PATH to a file with"
        " what `ray get-auth-token` prints there"
    )
    if _has_token():
        return f"the cluster rejects the token from {place}, which belongs to another cluster; {copy}"
    return f"the cluster needs a token, but there is none in RAY_AUTH_TOKEN or {place}; {copy}"


@contextmanager
def own_signals() -> Iterator[None]:
    """Restore the driver's signal handlers: Ray installs its own, which would end the driver at once."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        with suppress(ValueError):  # outside the main thread, where Ray installs none
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def _no_secrets() -> Iterator[None]:
    """Hide the stores' URLs, which may contain passwords, from Ray: workers do not access the stores."""
    hidden = {name: os.environ.pop(name) for name in VARIABLES.values() if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)
