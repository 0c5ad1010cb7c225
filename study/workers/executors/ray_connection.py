"""The connection to a Ray cluster: asked for, with the token that the cluster wants, or refused with what is wrong.

`ray start --head` lets in only who has its token, if the machine has one (`~/.ray/auth_token`). Ray itself tells a
wrong token, a wrong address and an absent cluster apart only in its log, after 20 to 40 seconds, so they are asked for
first.
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
"""Of a Ray that is started here: events are small, and Ray would take a third of the memory."""
CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 10.0
"""A cluster answers its first question within so long, else it is none."""
MODE = "RAY_AUTH_MODE"


def connect(address: str | None) -> bool:
    """Connect to the cluster at `address`, or start a Ray for this machine alone; False if Ray is connected already.

    Raises WorkersError, which says whether nothing listens there, the token is missing or wrong, or the versions
    differ.
    """
    reach_loopback_directly()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is None or address.startswith(("127.0.0.1:", "localhost:")):
        # Else Ray would listen on every network of this machine, and call 127.0.0.1 by another name.
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
        told = " ".join(str(error).split())
        if address is None:
            raise WorkersError(f'[execution] executor = "ray": no Ray can be started on this machine: {told}') from None
        if "ersion mismatch" in told:
            raise _refused(
                address,
                f"the cluster has other versions of Ray or Python: {told}. Install the same ones on all machines",
            ) from None
        raise _refused(
            address,
            f"no Ray cluster answers there ({told}); start one with `ray start --head`, or leave address out to use "
            "this machine alone",
        ) from None


def _refused(address: str, why: str) -> WorkersError:
    return WorkersError(f'[execution] address = "{address}": {why}')


def _knock(address: str) -> None:
    """Ask the cluster for its first answer, with the token if it wants one. Raises WorkersError."""
    try:
        from ray._private.services import canonicalize_bootstrap_address
        from ray.exceptions import AuthenticationError
    except ImportError:  # a Ray without tokens, or with other insides: its own errors must do
        return
    if "://" in address:
        return
    try:
        place = canonicalize_bootstrap_address(address)
    except (ValueError, OSError) as error:
        raise _refused(address, f"not an address as host:port: {error}") from None
    if place is None:  # "auto", and no cluster on this machine: Ray says so at once
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
        ):  # Ray would give a token that is there, and refuse the cluster's own calls
            os.environ[MODE] = "disabled"
    if isinstance(answer, AuthenticationError):
        raise _refused(address, _about_the_token())
    if answer is not None:
        raise _refused(address, f"something listens there that does not answer as a Ray cluster: {answer}")


def _check_listens(address: str, place: str) -> None:
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except OSError as error:
        raise _refused(
            address,
            f"nothing answers there ({error}); start a Ray cluster with `ray start --head`, or leave address out to "
            "use this machine alone",
        ) from None


def _ask(place: str) -> Exception | None:
    """Return what is wrong with a first question to the cluster, None if it answers."""
    answers: list[Exception | None] = []

    def ask() -> None:
        try:
            _inside().GcsClient(address=place)
            answers.append(None)
        except Exception as error:  # whichever: it is told
            answers.append(error)

    asking = threading.Thread(target=ask, daemon=True)  # what is no cluster is waited for by Ray for 40 seconds
    with _silent():
        asking.start()
        asking.join(ANSWER_SECONDS)
    return answers[0] if answers else TimeoutError(f"no answer within {ANSWER_SECONDS:g} s")


@contextmanager
def _silent() -> Iterator[None]:
    """Keep Ray from writing its log of a refusal over what is on the screen."""
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _inside() -> Any:
    """Return Ray's module in C++, which has no types for what is used here."""
    return importlib.import_module("ray._raylet")


def _has_token() -> bool:
    from ray.exceptions import AuthenticationError

    try:
        return bool(_inside().AuthenticationTokenLoader.instance().has_token(ignore_auth_mode=True))
    except AuthenticationError:  # RAY_AUTH_TOKEN_PATH names a file that is not there
        return False


def _about_the_token() -> str:
    """Say why the cluster refused, and where its token is looked for; never the token."""
    mode = os.environ.get(MODE, "")
    if mode and mode.lower() != "token":
        return f"the cluster asks for a token, and {MODE}={mode} here keeps Ray from giving one; unset it"
    file = Path.home() / ".ray" / "auth_token"
    if os.environ.get("RAY_AUTH_TOKEN"):
        place = "the environment variable RAY_AUTH_TOKEN"
    else:
        place = os.environ.get("RAY_AUTH_TOKEN_PATH") or str(file)
    copy = (
        f"copy {file} from the machine on which `ray start --head` ran, or set RAY_AUTH_TOKEN_PATH to the file that has"
        " what `ray get-auth-token` prints there"
    )
    if _has_token():
        return f"the cluster refuses the token from {place}, which is another cluster's; {copy}"
    return f"the cluster asks for a token, and there is none in RAY_AUTH_TOKEN or {place}; {copy}"


@contextmanager
def own_signals() -> Iterator[None]:
    """Keep the driver's signal handlers: Ray sets its own, which would end the driver at once."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        with suppress(ValueError):  # not in the main thread: Ray sets none there
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def _no_secrets() -> Iterator[None]:
    """Hide the stores' addresses, which may hold passwords, from a Ray that starts: a worker holds no database."""
    hidden = {name: os.environ.pop(name) for name in VARIABLES.values() if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)
