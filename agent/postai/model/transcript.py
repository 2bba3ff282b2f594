"""Transcripts: every request to a model and its reply as one file, so that answers can come from anywhere, any time.

A request is named by its hash. `DIR/<hash>.json` holds `{version, request, reply: {text, stop_reason}}`; where no reply
is there and no model is configured, `DIR/pending/<hash>.json` holds `{version, request}`. Whoever answers (a person, a
batch of calls) writes the first file beside `pending`; the next run reads it. Files are canonical JSON: sorted keys,
two spaces, UTF-8, so that the same run leaves the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from postai.deadline import Deadline
from postai.errors import UsageError
from postai.model.blocks import Block
from postai.model.client import request_body
from postai.model.failures import judge_stop
from postai.model.types import Completer, Message, ModelReply

VERSION = 1
"""Of the files' form; a file of another version is not read."""
MAX_FILE_BYTES = 32 * 1024 * 1024


class PendingReply(Exception):
    """There is no reply to this request yet; it was written to `pending`."""

    def __init__(self, identity: str) -> None:
        super().__init__(identity)
        self.identity = identity


class TranscriptDamaged(UsageError):
    """A recorded reply cannot be used, or a file cannot be written: no question can go on like that."""

    title = "transcript"


class _Reply(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)
    text: str
    stop_reason: str | None = "end_turn"


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)
    version: int
    request: dict[str, Any]
    reply: _Reply


class Transcripts:
    """Answers requests from files, asks the model for what is missing, and leaves the rest pending.

    Args:
        directory: is made when it is missing.
        model: model id that the requests name.
        live: asked for replies that are not there; None = they stay pending.

    Raises:
        UsageError: the directory cannot be used.
    """

    def __init__(self, directory: Path, model: str, live: Completer | None = None) -> None:
        self._directory = directory
        self._pending = directory / "pending"
        self._model = model
        self._live = live
        try:
            self._pending.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"the transcript directory {directory} cannot be made",
                detail=error.strerror,
                hint="Name a directory in which this OS user may write.",
            ) from None

    @property
    def name(self) -> str:
        """The model id."""
        return self._model

    def complete(
        self,
        purpose: str,
        system: Sequence[Block],
        messages: Sequence[Message],
        schema: Mapping[str, Any],
        deadline: Deadline,
    ) -> ModelReply:
        """The recorded reply, or the model's, which is recorded.

        Raises:
            PendingReply: there is none; the request was written down.
            TranscriptDamaged: the file is damaged or belongs to another request.
            PostaiError: what the model raised, or what the recorded reply would have been refused for.
        """
        request = request_body(self._model, system, messages, schema)
        identity = request_hash(request)
        found = self._read(identity, request)
        if found is None:
            if self._live is None:
                self._write(self._pending / f"{identity}.json", {"version": VERSION, "request": request})
                raise PendingReply(identity)
            reply = self._live.complete(purpose, system, messages, schema, deadline)
            found = _Reply(text=reply.text)
            self._write(
                self._directory / f"{identity}.json",
                {"version": VERSION, "request": request, "reply": found.model_dump()},
            )
        self._answered(self._pending / f"{identity}.json")
        failure = judge_stop(found.stop_reason)
        if failure is not None:
            raise failure.error
        return ModelReply(found.text, self._model)

    def _read(self, identity: str, request: Mapping[str, Any]) -> _Reply | None:
        path = self._directory / f"{identity}.json"
        try:
            # A pipe would wait for its writer for ever, a device never ends.
            if not stat.S_ISREG(path.stat().st_mode):
                raise _damaged(path, "it is no file")
            with path.open("rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _damaged(path, error.strerror or "it cannot be read") from None
        if len(content) > MAX_FILE_BYTES:
            raise _damaged(path, f"more than {MAX_FILE_BYTES} bytes")
        try:
            read = _File.model_validate_json(content)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            raise _damaged(path, f"{'.'.join(map(str, first['loc'])) or 'file'}: {first['msg']}") from None
        if read.version != VERSION:
            raise _damaged(path, f"version {read.version}, and this postai reads version {VERSION}")
        if not _same(read.request, request):
            raise _damaged(path, "the request in it is not the one that its name is the hash of")
        return read.reply

    @staticmethod
    def _answered(path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise TranscriptDamaged(
                f"the answered request {path.name} cannot be removed",
                detail=f"{path}: {error.strerror}",
                hint="Name a directory in which this OS user may write.",
            ) from None

    @staticmethod
    def _write(path: Path, value: Mapping[str, Any]) -> None:
        """Write a whole file or none, also when killed in the middle; two that write the same file do no harm."""
        temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            text = json.dumps(value, ensure_ascii=False, sort_keys=True, indent=2, allow_nan=False)
            temporary.write_text(text + "\n", "utf-8")
            temporary.replace(path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise TranscriptDamaged(
                f"the transcript {path.name} cannot be written",
                detail=f"{path}: {error.strerror}",
                hint="Name a directory in which this OS user may write, on a disk with space.",
            ) from None


def canonical(request: Mapping[str, Any]) -> str:
    """The request as the text that is hashed: JSON with sorted keys and without spaces."""
    return json.dumps(request, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _same(found: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    try:
        return canonical(found) == canonical(request)
    except ValueError:  # NaN or an infinity, which no request holds
        return False


def request_hash(request: Mapping[str, Any]) -> str:
    """The name of a request: SHA-256 of version and request, in hexadecimal."""
    return hashlib.sha256(canonical({"version": VERSION, "request": dict(request)}).encode("utf-8")).hexdigest()


def _damaged(path: Path, what: str) -> TranscriptDamaged:
    return TranscriptDamaged(
        f"the transcript {path.name} cannot be used",
        detail=f"{path}: {what}",
        hint="Mend it, or remove it to have the request pending again.",
    )
