"""The link: a background process that keeps one SSH connection and lends channels to commands."""
