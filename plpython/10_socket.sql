-- Transport socket: a thin client of the agent's unix socket. Standard library only, no sys.path change: everything
-- that thinks runs in the agent. The path is a literal written at install; no setting can move it.

create function postai._socket(action text, conversation text, payload text) returns text
  language plpython3u volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
import json
import os
import select
import socket
import struct
import time

PATH = "MODULE_PATHNAME"
LIMIT = 16 * 1024 * 1024
CONNECT_SECONDS = 1.0
TURN_SECONDS = 0.2


class Gone(Exception):
    pass


def failure(detail, message="the agent is not reachable", hint="Start it with: post-ai agent"):
    return json.dumps({"v": 1, "type": "error", "error": {
        "sqlstate": "PA002", "message": message, "detail": detail, "hint": hint}})


def close():
    peer = SD.pop("peer", None)
    SD.pop("conversation", None)
    if peer is not None:
        peer.close()


def turn(peer, writing, until):
    # A cancel or a time-out is only noticed inside the server: the short select and the empty query give it a chance
    # every 0.2 s. QueryCanceled goes through every handler of this function.
    while True:
        left = until - time.monotonic()
        if left <= 0:
            raise Gone("No answer in time.")
        ready = select.select([] if writing else [peer], [peer] if writing else [], [], min(TURN_SECONDS, left))
        if ready[0] or ready[1]:
            return
        plpy.execute("select 1")


def connect():
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        peer.settimeout(CONNECT_SECONDS)
        peer.connect(PATH)
        uid = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))[1]
        if uid not in (0, os.geteuid(), os.stat(os.path.dirname(PATH)).st_uid):
            raise Gone("A process of another user (uid %d) listens on the agent's socket." % uid)
        peer.setblocking(False)
    except BaseException:
        peer.close()
        raise
    return peer


def send(peer, text, until):
    data = text.encode("utf-8")
    if len(data) > LIMIT:
        raise Gone("The request is larger than 16 MiB.")
    data = memoryview(struct.pack(">I", len(data)) + data)
    while data:
        turn(peer, True, until)
        try:
            data = data[peer.send(data):]
        except (BlockingIOError, InterruptedError):
            continue


def receive(peer, until):
    data = bytearray()
    wanted = 4
    while len(data) < wanted:
        turn(peer, False, until)
        try:
            piece = peer.recv(min(wanted - len(data), 65536))
        except (BlockingIOError, InterruptedError):
            continue
        if not piece:
            raise Gone("It closed the connection.")
        data += piece
        if wanted == 4 and len(data) == 4:
            wanted += struct.unpack(">I", data)[0]
            if wanted - 4 > LIMIT:
                raise Gone("It sent a frame larger than 16 MiB.")
    return data[4:].decode("utf-8")


if action == "close":
    if SD.get("conversation") == conversation:
        close()
    return None

finished = False
try:
    if action in ("open", "ping"):
        close()  # what an earlier statement left behind
        SD["peer"] = connect()
        if action == "ping":
            until = time.monotonic() + CONNECT_SECONDS
            send(SD["peer"], '{"v":1,"type":"ping"}', until)
            answer = receive(SD["peer"], until)
            close()
            return answer
        SD["conversation"] = conversation
        send(SD["peer"], payload, time.monotonic() + 5)
        answer = None
    elif conversation is None or SD.get("conversation") != conversation:
        raise Gone("The conversation was ended.")
    elif action == "reply":
        send(SD["peer"], payload, time.monotonic() + 5)
        answer = None
    else:
        answer = receive(SD["peer"], time.monotonic() + int(payload or 0) / 1000)
        json.loads(answer)
    finished = True
    return answer
except Gone as reason:
    return failure(str(reason))
except (FileNotFoundError, ConnectionRefusedError) as reason:
    return failure("Nobody listens on %s." % PATH)
except PermissionError as reason:
    return failure("The server's OS user may not open %s." % PATH,
                   hint="Put it into the group of the socket; `post-ai doctor` tells how.")
except (OSError, ValueError) as reason:
    return failure("%s: %s" % (PATH, reason))
finally:
    if not finished:
        close()
$$;
comment on function postai._socket(text, text, text) is
  'Speaks one turn with the agent over its unix socket: select postai._socket(''ping'', '''', ''''). Definer: only the server''s OS user may open the socket, and only functions of postai may use it.';

revoke execute on function postai._socket(text, text, text) from public;

update postai.transport set kind = 'socket', fixed_at = pg_catalog.now();
