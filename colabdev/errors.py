"""The exceptions that reach a user.

ColabdevError                 1   a sentence (message) and a next step (hint)
  InputError                  2   what the user typed or gave
    BadConnectString
    ConfigError                   a settings or state file cannot be read
  TransportError             69   the machine cannot be reached
    HostUnreachable
    HostKeyMismatch               never retried
    LoginRefused
    ConnectionLost                the only one that is retried
  RuntimeGone                69   the machine answers, but it is not the same machine any more
    RuntimeForgotten              this computer knows it no more; it may go on all the same
  RemoteError                70   the far side failed
    ProtocolError                 it said something we do not understand
      EndedEarly                  our program there was ended in the middle of what it said
    RemoteFailure                 it said what went wrong; *kind* is stable
  SyncError                   3
    SyncConflict
    SyncHalted
  JobError                    1
    JobNotFound               2
    JobFailed                     exit code of the job itself
  OutputClosed              141   nobody reads the output any more, as under `| head`
    OutputRefused             1   it cannot be written, as on a full disk
  CourseError                 1   a course or an exercise is not as it should be
"""

from typing import ClassVar

from colabdev.far_words import translated
from colabdev.language import tr


class ColabdevError(Exception):
    """A failure with one sentence for the user (*message*) and one next step (*hint*)."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(ColabdevError):
    exit_code = 2


class BadConnectString(InputError):
    pass


class ConfigError(InputError):
    pass


class TransportError(ColabdevError):
    exit_code = 69


class HostUnreachable(TransportError):
    pass


class HostKeyMismatch(TransportError):
    pass


class LoginRefused(TransportError):
    pass


class ConnectionLost(TransportError):
    pass


class RuntimeGone(ColabdevError):
    exit_code = 69


class RuntimeForgotten(RuntimeGone):
    pass


class RemoteError(ColabdevError):
    exit_code = 70


class ProtocolError(RemoteError):
    pass


class EndedEarly(ProtocolError):
    pass


class RemoteFailure(RemoteError):
    """The far side reported a failure of the stable *kind*."""

    def __init__(self, kind: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.kind = kind


class SyncError(ColabdevError):
    exit_code = 3


class SyncConflict(SyncError):
    pass


class SyncHalted(SyncError):
    pass


class JobError(ColabdevError):
    pass


class JobNotFound(JobError):
    exit_code = 2


class JobFailed(JobError):
    """The job itself ended with *code*, which becomes the command's own exit code."""

    def __init__(self, code: int, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.code = code


class OutputClosed(ColabdevError):
    exit_code = 141  # as of a program that SIGPIPE ends


class OutputRefused(OutputClosed):
    exit_code = 1


class CourseError(ColabdevError):
    pass


def why_unreadable(error: Exception) -> str:
    """Return in a few words why a text file could not be read, as a part of a sentence."""
    if isinstance(error, UnicodeDecodeError):
        return tr("it is no text in UTF-8")
    return system_says(error) if isinstance(error, OSError) else str(error)


def system_says(error: OSError) -> str:
    """Return what the system says of *error*, in the user's language if that has words for it."""
    return translated(error.strerror or str(error))
