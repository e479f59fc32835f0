"""Translates what urllib3 raises into the errors of this room, and nothing else does."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from urllib3 import exceptions as foreign

from registry.client.errors import (
    ClientError,
    Dropped,
    InvalidAnswer,
    InvalidName,
    NoTls,
    TimedOut,
    UnknownHost,
    Unreachable,
    Untrusted,
)

MAP: dict[type[Exception], tuple[type[ClientError], str]] = {
    foreign.SSLError: (NoTls, "no TLS with {where}: {reason}"),
    foreign.NameResolutionError: (UnknownHost, "cannot reach {where}: the name is not known ({reason})"),
    foreign.ConnectTimeoutError: (Unreachable, "cannot reach {where}: {reason}"),
    foreign.ProxyError: (Unreachable, "cannot reach {where} by the proxy: {reason}"),
    foreign.TimeoutError: (TimedOut, "{where} does not answer: nothing came for the time allowed"),
    foreign.ReadTimeoutError: (TimedOut, "{where} does not answer: nothing came for the time allowed"),
    foreign.ProtocolError: (Dropped, "the connection to {where} was dropped: {reason}"),
    foreign.IncompleteRead: (Dropped, "the connection to {where} was dropped: {reason}"),
    foreign.InvalidChunkLength: (Dropped, "the connection to {where} was dropped: {reason}"),
    foreign.ResponseNotChunked: (InvalidAnswer, "{where} answered what is not HTTP: {reason}"),
    foreign.BodyNotHttplibCompatible: (InvalidAnswer, "{where} answered what is not HTTP: {reason}"),
    foreign.DecodeError: (InvalidAnswer, "{where} answered what is not HTTP: {reason}"),
    foreign.InvalidHeader: (InvalidAnswer, "{where} answered what is not HTTP: {reason}"),
    foreign.HeaderParsingError: (InvalidAnswer, "{where} answered what is not HTTP: {reason}"),
    foreign.ResponseError: (InvalidAnswer, "{where} answered what is not HTTP: {reason}"),
    foreign.LocationValueError: (InvalidAnswer, "{where} cannot be asked: {reason}"),
    foreign.ProxySchemeUnsupported: (Unreachable, "cannot reach {where} by the proxy: {reason}"),
    foreign.PoolError: (Unreachable, "cannot reach {where}: {reason}"),
    foreign.UnrewindableBodyError: (Dropped, "the connection to {where} was dropped: {reason}"),
    foreign.TimeoutStateError: (Unreachable, "cannot reach {where}: {reason}"),
    # What stands in a header is the caller's: a media type, a token of a file.
    ValueError: (InvalidName, "{where} cannot be asked: {reason}"),
    OSError: (Dropped, "the connection to {where} was dropped: {reason}"),
}
"""What each exception becomes, the nearest class by its order of resolution; and the words for it."""

_FOREIGN = (foreign.HTTPError, ValueError, OSError)
_LONGEST = 300


@contextmanager
def translating(where: str) -> Iterator[None]:
    """Raise errors of this room for those of urllib3 and of sockets; `where` names the host."""
    try:
        yield
    except _FOREIGN as error:
        raise translated(error, where) from error


def translated(error: Exception, where: str) -> ClientError:
    """The error of this room for one of urllib3's."""
    if isinstance(error, foreign.MaxRetryError) and error.reason is not None:
        return translated(error.reason, where)
    for below in _chain(error):
        for known in (below, *below.args):
            if isinstance(known, ssl.SSLCertVerificationError):
                return Untrusted(f"the certificate of {where} is not trusted: {known.verify_message}")
    if isinstance(error, foreign.NameResolutionError) and _may_pass(error):
        return Unreachable(f"cannot reach {where}: its name cannot be looked up now")
    for kind in type(error).__mro__:
        if kind in MAP:
            make, text = MAP[kind]
            return make(text.format(where=where, reason=_reason(error)))
    return Unreachable(f"cannot reach {where}: {_reason(error)}")


def _may_pass(error: BaseException) -> bool:
    """Whether it was the resolver that did not answer, and not its answer."""
    return any(isinstance(below, socket.gaierror) and below.errno == socket.EAI_AGAIN for below in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _reason(error: BaseException) -> str:
    """What is at the bottom of it, in few words."""
    *_, bottom = _chain(error)
    for known in (bottom, *bottom.args, *error.args):
        if isinstance(known, ssl.SSLError):
            return f"{(known.reason or str(known)).replace('_', ' ').lower()}"
        if isinstance(known, TimeoutError):
            return "nothing came for the time allowed"
        if isinstance(known, (OSError, socket.gaierror)) and known.strerror:
            return known.strerror[:1].lower() + known.strerror[1:]
    return str(bottom)[:_LONGEST]
