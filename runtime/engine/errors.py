"""What can go wrong with containers, in docker's words where docker has words for them.

EngineError
+- NoSuchContainer     nothing has that name or id
+- Ambiguous           several ids begin so
+- NameTaken           another container has the name
+- NameInvalid         not a name docker would take
+- WrongState          a container in this state cannot do that
+- StartFailed         the OCI runtime, a mount or a network refused; `exit_code` is docker's for it
+- MonitorLost         the container's monitor is gone
+- NoRuntime           no OCI runtime on this machine
+- BadPath             a path of `cp` that is not there or not what it should be
"""


class EngineError(Exception):
    """Something about a container; the text is one line for the user."""


class NoSuchContainer(EngineError):
    """Nothing has that name or id."""

    def __init__(self, text: str) -> None:
        super().__init__(f"no such container: {text[:200]}")


class Ambiguous(EngineError):
    """Several ids begin so."""

    def __init__(self, text: str) -> None:
        super().__init__(f"several containers have ids that begin with {text[:64]}, write more of it")


class NameTaken(EngineError):
    """Another container has the name."""

    def __init__(self, name: str, id: str) -> None:
        super().__init__(f'the container name "/{name}" is already in use by container {id}; remove or rename that one')


class NameInvalid(EngineError):
    """Not a name docker would take."""

    def __init__(self, name: str) -> None:
        super().__init__(f"invalid container name ({name[:200]}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")


class WrongState(EngineError):
    """A container in this state cannot do that."""


class StartFailed(EngineError):
    """It did not start; nothing of it runs."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code
        """What the state tells."""
        self.exit_code = code if code in (126, 127) else 125
        """What the command exits with."""


class MonitorLost(EngineError):
    """The container's monitor is gone, and the container with it."""


class NoRuntime(EngineError):
    """No OCI runtime on this machine."""

    exit_code = 125


class BadPath(EngineError):
    """A path in a container that is not there, or not what it should be."""
