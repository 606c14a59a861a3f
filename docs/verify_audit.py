#!/usr/bin/env python3
"""Verifies a Velum audit log, from the format that docs/audit-log.md describes and nothing else.

    verify_audit.py DIRECTORY --key VKEY-OR-FILE [--checkpoint FILE]... [--allow-unsigned]

Exit status 0: verified; 1: something is wrong, the first thing is named; 2: misuse.
It shares no code with Velum. Python's standard library is all it needs.
"""

import argparse
import base64
import hashlib
import os
import re
import struct
import sys


class Wrong(Exception):
    """The first thing that is wrong."""


# ---- Ed25519, RFC 8032, section 5.1: verification only -------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def add(a, b):
    m, n = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = n - m, d - c, d + c, n + m
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(scalar, point):
    result = (0, 1, 1, 0)
    while scalar > 0:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


def same(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def point(encoded):
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signed_by(public, message, signature):
    if len(signature) != 64:
        return False
    a, r, s = point(public), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L or any(same(times(8, p), (0, 1, 1, 0)) for p in (a, r)):
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    return same(times(s, BASE), add(r, times(h, a)))


# ---- Signed notes and checkpoints (c2sp.org/signed-note, c2sp.org/tlog-checkpoint) ------------

NAME = re.compile(r"[^\s+\x00-\x1f\x7f]+")


def unbase64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Wrong("bad Base64")
    if base64.b64encode(data).decode() != text:
        raise Wrong("bad Base64")
    return data


def read_key(text):
    name, key_id, data = text.strip().split("+", 2)
    data = unbase64(data)
    digest = hashlib.sha256(name.encode() + b"\n" + data).digest()
    if len(data) != 33 or data[0] != 1 or digest[:4].hex() != key_id or not NAME.fullmatch(name):
        raise ValueError("not a verifier key of type 1 (Ed25519)")
    return name, digest[:4], data[1:]


def read_keys(text):
    if os.path.exists(text):
        with open(text, encoding="utf-8") as file:
            return [read_key(line) for line in file if line.strip()]
    return [read_key(text)]


def split_note(data):
    """Text and signature lines, of which nothing is verified."""
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        raise Wrong("not UTF-8")
    if re.search(r"[\x00-\x09\x0b-\x1f]", whole) or "\n\n" not in whole or whole[-1] != "\n":
        raise Wrong("not a signed note")
    border = whole.rindex("\n\n") + 1
    lines = []
    for line in whole[border + 1:-1].split("\n"):
        match = re.fullmatch("— ([^ ]+) ([^ ]+)", line)
        if not match or not NAME.fullmatch(match[1]):
            raise Wrong("not a signature line")
        data = unbase64(match[2])
        lines.append((match[1], data[:4], data[4:]))
    return whole[:border], lines


def read_checkpoint(data):
    """Origin, size and root, of which nothing is verified."""
    text, _ = split_note(data)
    match = re.fullmatch(r"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([^\n]+)\n", text)
    root = unbase64(match[3]) if match else b""
    if len(root) != 32:
        raise Wrong("not a checkpoint")
    return match[1], int(match[2]), root


def open_checkpoint(data, keys):
    origin, size, root = read_checkpoint(data)
    text, lines = split_note(data)
    found = False
    for name, key_id, public in keys:
        for signer, signer_id, signature in lines:
            if (signer, signer_id) == (name, key_id):
                if not signed_by(public, text.encode(), signature):
                    raise Wrong(f"the signature by {name} (key {key_id.hex()}) does not fit")
                found |= name == origin
    if not found:
        signers = ", ".join(f"{name} (key {key_id.hex()})" for name, key_id, _ in lines)
        raise Wrong(f"signed by no known key of {origin}, but by {signers}")
    return origin, size, root


# ---- Segments --------------------------------------------------------------------------------

TABLE = []
for value in range(256):
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    TABLE.append(value)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def frames(directory, live):
    """Sequence, payload and place of every record; raises at the first that is wrong."""
    names = sorted(n for n in os.listdir(directory) if re.fullmatch(r"[0-9]{20}\.velumlog", n))
    sequence, durable = 1, 0
    for name in names:
        with open(os.path.join(directory, name), "rb") as file:
            data = file.read()
        header = b"VELUMLOG" + struct.pack(">IIQ", 1, 0, sequence)
        if int(name[:20]) != sequence:
            raise Wrong(f"{name}: should begin with record {sequence}")
        if data[:32] != header + struct.pack(">II", crc32c(header), 0):
            raise Wrong(f"{name}: not the header of a segment from record {sequence}")
        at, last, stopped = 32, name == names[-1], False
        while any(data[at:at + 24]) or any(data[at:]):
            where = f"record {sequence} ({name}, offset {at})"
            head = data[at:at + 24]
            length, crc, found, before = struct.unpack(">IIQQ", head.ljust(24, b"\0"))
            payload = data[at + 24:at + 24 + length]
            whole = len(head) == 24 and 0 < length <= 4 << 20 and len(payload) == length
            if not whole or crc32c(head[:4] + head[8:] + payload) != crc:
                if last and live:
                    return
                raise Wrong(f"{where}: not a frame, or its checksum does not fit")
            if found != sequence:
                raise Wrong(f"{where}: the frame here is of record {found}")
            if before not in (durable, sequence - 1):
                raise Wrong(f"{where}: no write said so of record {before}")
            yield sequence, payload, where
            stopped = payload.endswith(b"\0\0\0\x07stopped")
            sequence, durable, at = sequence + 1, before, at + 24 + length
        if at < len(data) and (not last or stopped) and not live:
            raise Wrong(f"{name}: {len(data) - at} bytes follow the last record")


def take(data, at, count):
    if at + count > len(data):
        raise Wrong("the record ends too early")
    return data[at:at + count], at + count


def record(payload):
    """Kind, session and body of a record."""
    head, at = take(payload, 0, 30)
    length, version, kind, _, session = struct.unpack(">IBBQ16s", head)
    if length != len(payload) - 4 or version != 1:
        raise Wrong("not a record of version 1")
    for _ in ("identity", "resource"):
        size, at = take(payload, at, 4)
        text, at = take(payload, at, int.from_bytes(size, "big"))
        try:
            text.decode()
        except UnicodeDecodeError:
            raise Wrong("a text that is not UTF-8")
    return kind, session, payload[at:]


def texts(body):
    """The texts of a body of texts and flags, as that of kind 32."""
    size = int.from_bytes(body[:4], "big")
    key, rest = body[4:4 + size].decode(), body[4 + size:]
    return key, rest[5:].decode() if rest[:1] == b"\1" else None


# ---- The tree (RFC 6962) and the whole -------------------------------------------------------

def root_of(peaks):
    if not peaks:
        return hashlib.sha256().digest()
    right = peaks[-1]
    for left in reversed(peaks[:-1]):
        right = hashlib.sha256(b"\1" + left + right).digest()
    return right


def verify(directory, keys, anchors, live):
    def load(name):
        with open(os.path.join(directory, name), "rb") as file:
            return file.read()

    try:
        checkpoint = load("checkpoint")
    except FileNotFoundError:
        raise Wrong("there is no signed checkpoint")
    folder = os.path.join(directory, "handovers")
    handovers = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    handovers = [load(os.path.join("handovers", name)) for name in handovers]
    wanted = {read_checkpoint(note)[1] for note in [checkpoint, *handovers, *anchors.values()]}
    roots, peaks, size, begun, named = {0: root_of([])}, [], 0, {}, []
    for size, payload, where in frames(directory, live):
        try:
            kind, session, body = record(payload)
        except Wrong as wrong:
            raise Wrong(f"{where}: {wrong}")
        statement = (session, body[:8])
        if kind == 3 and begun.setdefault(statement, where) is not where:
            raise Wrong(f"{where}: a second INTENT of a statement")
        if kind in (4, 5) and begun.pop(statement, None) is None:
            raise Wrong(f"{where}: the end of a statement that never began")
        if kind == 8 and body == b"\0\0\0\x07started" and begun:
            raise Wrong(f"{min(begun.values())}: the end of a statement is not recorded")
        if kind == 32:
            named.append((size, *texts(body)))
        leaf, count = hashlib.sha256(b"\0" + payload).digest(), size - 1
        while count & 1:
            leaf, count = hashlib.sha256(b"\1" + peaks.pop() + leaf).digest(), count >> 1
        peaks.append(leaf)
        if size in wanted:
            roots[size] = root_of(peaks)

    for note in handovers:
        try:
            _, signed, root = open_checkpoint(note, keys)
        except Wrong:
            continue
        if roots.get(signed) != root:
            raise Wrong(f"a handover was signed for {signed} records that this log never had")
        for at, key, previous in named:
            if at <= signed and previous and read_key(previous) in keys:
                open_checkpoint(note, [read_key(key)])  # both have signed it
                keys.append(read_key(key))
    try:
        origin, signed, root = open_checkpoint(checkpoint, keys)
    except Wrong as wrong:
        raise Wrong(f"the checkpoint: {wrong}")
    if signed > size:
        raise Wrong(f"the log has {size} records, but {signed} were signed")
    if roots[signed] != root:
        raise Wrong(f"the first {signed} records are not those that were signed")
    for name, note in anchors.items():
        try:
            other, old, old_root = open_checkpoint(note, keys)
        except Wrong as wrong:
            raise Wrong(f"{name}: {wrong}")
        if other != origin:
            raise Wrong(f"{name} is of another log, {other}")
        if old > size:
            raise Wrong(f"the log was rolled back from {old} records to {size}")
        if roots[old] != old_root:
            raise Wrong(f"the log was rewritten or forked before record {old}")
    if size > signed and not live:
        raise Wrong(f"the last {size - signed} records are not signed")
    return f"verified: {signed} records of {origin}, root {base64.b64encode(root).decode()}"


def main():
    parser = argparse.ArgumentParser(description="Verifies a Velum audit log.")
    parser.add_argument("directory")
    parser.add_argument("--key", action="append", required=True, help="a verifier key, or a file")
    parser.add_argument("--checkpoint", action="append", default=[], help="kept from earlier")
    parser.add_argument("--allow-unsigned", action="store_true", help="of a log in use")
    arguments = parser.parse_args()
    try:
        keys = [key for text in arguments.key for key in read_keys(text)]
        anchors = {}
        for name in arguments.checkpoint:
            with open(name, "rb") as file:
                anchors[name] = file.read()
        print(verify(arguments.directory, keys, anchors, arguments.allow_unsigned))
    except Wrong as wrong:
        print(wrong, file=sys.stderr)
        sys.exit(1)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
