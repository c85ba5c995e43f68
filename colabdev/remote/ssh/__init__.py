"""The transport over SSH; paramiko stays behind it."""

from colabdev.remote.ssh.transport import SSHTransport

__all__ = ["SSHTransport"]
