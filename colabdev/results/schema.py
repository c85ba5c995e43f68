"""The tables of the results database, version by version."""

import sqlite3
from collections.abc import Sequence

from colabdev.language import tr

# Each entry leads from one version to the next; an entry that was released never changes.
_MIGRATIONS: Sequence[Sequence[str]] = (
    (
        """
        CREATE TABLE runs (
            id TEXT PRIMARY KEY,
            kind TEXT NOT NULL,
            name TEXT NOT NULL,
            alias TEXT NOT NULL,
            command TEXT NOT NULL,
            code_digest TEXT NOT NULL,
            hardware TEXT NOT NULL,
            started REAL NOT NULL,
            ended REAL,
            state TEXT NOT NULL,
            exit_code INTEGER
        )
        """,
        "CREATE INDEX runs_by_time ON runs (started)",
        # value has no type: a float, or one of the strings nan, inf and -inf.
        """
        CREATE TABLE metrics (
            run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            position INTEGER,
            metric TEXT NOT NULL,
            value,
            exercise TEXT NOT NULL,
            "case" TEXT NOT NULL,
            unit TEXT NOT NULL,
            better TEXT NOT NULL,
            device TEXT NOT NULL,
            dtype TEXT NOT NULL,
            replicates INTEGER,
            iqr REAL,
            skipped TEXT NOT NULL,
            step INTEGER,
            time REAL,
            rank INTEGER,
            UNIQUE (run, position)
        )
        """,
        """
        CREATE TABLE records (
            run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            position INTEGER,
            kind TEXT NOT NULL,
            fields TEXT NOT NULL,
            UNIQUE (run, position)
        )
        """,
        """
        CREATE TABLE artifacts (
            run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            position INTEGER,
            path TEXT NOT NULL,
            digest TEXT NOT NULL,
            size INTEGER NOT NULL,
            UNIQUE (run, position)
        )
        """,
    ),
    (
        """
        CREATE TABLE gpu_samples (
            run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            position INTEGER,
            gpu INTEGER NOT NULL,
            time REAL NOT NULL,
            use REAL,
            memory INTEGER,
            power REAL,
            UNIQUE (run, position)
        )
        """,
    ),
)

VERSION = len(_MIGRATIONS)


def version(database: sqlite3.Connection) -> int:
    """Return the version of the tables in *database*, 0 when there are none yet.

    Raises:
        ValueError: they are of a version that is not known here.
    """
    found: int = database.execute("PRAGMA user_version").fetchone()[0]
    if found > VERSION:
        raise ValueError(
            tr(
                "it is of version {found}, this colabdev reads up to {known}",
                found=found,
                known=VERSION,
            )
        )
    return found


def migrate(database: sqlite3.Connection) -> None:
    """Bring the tables to `VERSION`, in one step or not at all."""
    database.execute("BEGIN IMMEDIATE")
    with database:
        for statements in _MIGRATIONS[version(database) :]:
            for statement in statements:
                database.execute(statement)
        database.execute(f"PRAGMA user_version = {VERSION}")
