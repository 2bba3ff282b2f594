"""Arguments and options of `post-ai replicate`; None = not given: as it is, or the default."""

from __future__ import annotations

from typing import Annotated

import typer

from postai.cli.target import saved_names

Move = Annotated[str, typer.Argument(help="Name of the move.")]
Source = Annotated[
    str, typer.Argument(help="Connection of the database that moves.", autocompletion=saved_names)
]  # fmt: skip
Target = Annotated[
    str, typer.Argument(help="Connection of the database that it moves to, which has postai.",
                        autocompletion=saved_names)
]  # fmt: skip
Home = Annotated[
    str | None,
    typer.Option("--target", help="Connection of its target. Default: as it was begun from here.",
                 autocompletion=saved_names),
]  # fmt: skip
Schema = Annotated[
    list[str] | None, typer.Option("--schema", help="Only this schema; may be repeated. Default: all of them.")
]
Roles = Annotated[bool | None, typer.Option("--roles/--no-roles", help="Make the roles that the target lacks.")]
Passwords = Annotated[
    bool | None,
    typer.Option("--role-passwords/--no-role-passwords", help="With their password hashes (superusers on both sides)."),
]
FullIdentity = Annotated[
    bool | None,
    typer.Option(
        "--full-identity/--no-full-identity",
        help="Give tables without a usable key REPLICA IDENTITY FULL while they move.",
    ),
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, max=32, help="Sessions that copy and build at a time. Default: 2.")
]
KeepWal = Annotated[
    float | None,
    typer.Option("--keep-wal", min=0, help="GiB of log that the source may keep; beyond it the copy begins anew; "
                 "0 = no limit. Default: 64."),
]  # fmt: skip
Split = Annotated[
    float | None,
    typer.Option("--split", min=0, help="Copy tables above so many GiB in parts; 0 = none. Default: 10."),
]
Load = Annotated[
    float | None,
    typer.Option("--load", min=0, help="The copy waits while more sessions of the source than so many for each of its "
                 "processors are busy; 0 = it never does. Default: 2."),
]  # fmt: skip
ReplicaLag = Annotated[
    float | None,
    typer.Option("--replica-lag", min=0, help="The copy waits while a replica of the source is so many seconds behind; "
                 "0 = it never does. Default: 30."),
]  # fmt: skip
Passfile = Annotated[
    str | None,
    typer.Option("--passfile", help="File on the target's server with the source's password, for its subscription."),
]
SourcePassfile = Annotated[
    str | None, typer.Option("--source-passfile", help="The same on the source's server, for the way back.")
]
WayBack = Annotated[
    bool | None,
    typer.Option("--way-back/--no-way-back", help="Have the source follow the target after the switch; without it "
                 "there is no rollback."),
]  # fmt: skip
Pause = Annotated[
    float | None,
    typer.Option("--max-pause", min=0.1, max=86_400, help="Seconds that clients may be held back, undo included; up to "
                 "60 unless rows are copied in the pause. Default: 3."),
]  # fmt: skip
WritersStopped = Annotated[
    bool,
    typer.Option("--writers-stopped", help="Nobody writes to the source, nor will: for one that can only be read."),
]
Rehearse = Annotated[bool, typer.Option("--rehearse", help="Do everything but hold the clients back and send them.")]
At = Annotated[
    str | None,
    typer.Option("--at", help="Begin at a time (02:30, '2026-03-01 02:30') or within a window (02:00-04:00)."),
]
Gone = Annotated[bool, typer.Option("--source-gone", help="The source is gone for good: clean the target only.")]
Share = Annotated[
    float | None, typer.Option("--share", min=0.01, max=1, help="How much of the time it may read. Default: 1.")
]
Busy = Annotated[
    int | None,
    typer.Option("--busy", min=0, help="It waits while more sessions of others than that are active on a side; 0 = it "
                 "never does. Default: 0."),
]  # fmt: skip
