#!/usr/bin/env python3
"""Verifies a Velum audit log, from the format that docs/audit-log.md describes and nothing else.

    verify_audit.py DIRECTORY --key VKEY-OR-FILE [--checkpoint FILE]... [--allow-unsigned]
    verify_audit.py --pack FOLDER --key VKEY-OR-FILE
    verify_audit.py --receipt FILE --key VKEY-OR-FILE [--value-file FILE]

Exit status 0: verified; 1: something is wrong, the first thing is named; 2: misuse.
It shares no code with Velum. Python's standard library is all it needs.
"""

import argparse
import base64
import hashlib
import hmac
import json
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


def frames(directory, live, first, gap):
    """Sequence, payload and place of every record from `first` on; raises at the first that is
    wrong. Tells `gap` of records that are not there."""
    names = sorted(n for n in os.listdir(directory) if re.fullmatch(r"[0-9]{20}\.velumlog", n))
    sequence, durable = first, first - 1
    for name in names:
        if int(name[:20]) > sequence:
            gap(name, sequence, int(name[:20]) - 1)
            sequence, durable = int(name[:20]), int(name[:20]) - 1
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


# ---- Records ---------------------------------------------------------------------------------

class Fields:
    """Reads the fields of a record, of which each has one encoding."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def bytes(self, count):
        if self.at + count > len(self.data):
            raise Wrong("the record ends too early")
        self.at += count
        return self.data[self.at - count:self.at]

    def u8(self):
        return self.bytes(1)[0]

    def u32(self):
        return int.from_bytes(self.bytes(4), "big")

    def u64(self):
        return int.from_bytes(self.bytes(8), "big")

    def text(self):
        try:
            return self.bytes(self.u32()).decode()
        except UnicodeDecodeError:
            raise Wrong("a text that is not UTF-8")

    def one_of(self, count):
        value = self.u8()
        if value >= count:
            raise Wrong("a field has a value that nobody writes")
        return value

    def flag(self):
        return self.one_of(2) == 1

    def optional(self, read):
        return read() if self.flag() else None

    def list(self, read):
        return [read() for _ in range(self.u32())]

    def left(self):
        return self.at < len(self.data)

    def assertion(self):
        return (self.text(), self.text(), self.list(self.text)) if self.left() else None

    def reason(self):
        text = self.text() if self.left() else None
        if text == "":
            raise Wrong("an empty reason, which nobody writes")
        return text

    def masking(self):
        if not self.left():
            return None
        cut = self.flag()
        cells = self.list(lambda: (self.text(), self.text(), self.text(), self.u64()))
        outputs = self.list(lambda: (self.u32(), self.one_of(4), self.list(self.text)))
        if not cells and not outputs:
            raise Wrong("counts of nothing, which nobody writes")
        return cut, cells, outputs

    def receipt(self):
        head = (self.list(lambda: self.bytes(32)), self.bytes(32), self.u64(), self.u64(),
                self.u64(), self.flag())
        commitment = lambda: (self.bytes(32), self.u64(), self.bytes(32))
        columns = self.list(lambda: (
            self.text(), self.u64(), self.list(lambda: (self.text(), self.u64())), self.u64(),
            self.optional(commitment)))
        return head + (columns, self.optional(lambda: (self.text(), self.bytes(32))))

    def grant(self):
        name = self.text()
        if not re.fullmatch("gr_[0-9a-hjkmnp-tv-z]{16}", name):
            raise Wrong("not a grant's name")
        return name


BODIES = {
    1: lambda f: (f.text(), f.text(), f.flag(), f.flag(), f.text(), f.text(), f.bytes(32),
                  f.assertion()),
    2: lambda f: (f.text(), f.u64(), f.u64()),
    3: lambda f: (f.u64(), f.one_of(2), f.one_of(3), f.text(), f.bytes(12),
                  f.list(lambda: f.optional(lambda: f.bytes(12))), f.text()),
    4: lambda f: (f.u64(), f.one_of(5), f.text(), f.optional(lambda: f.bytes(5)), f.u64(), f.u64(),
                  f.list(lambda: (f.text(), f.u64())), f.u64(), f.masking()),
    5: lambda f: (f.u64(),),
    6: lambda f: (f.text(), f.bytes(5), f.reason()),
    7: lambda f: (f.bytes(32),),
    8: lambda f: (f.text(),),
    20: lambda f: (f.grant(), f.one_of(10), f.u64(), f.text(), f.text(), f.text(), f.flag()),
    21: lambda f: (f.text(), f.text(), f.text()),
    22: lambda f: tuple(f.text() for _ in range(7)),
    32: lambda f: (f.text(), f.optional(f.text)),
    33: lambda f: (f.text(),),
    41: lambda f: f.receipt(),
    42: lambda f: (f.text(), f.bytes(32), f.list(f.text)),
    40: lambda f: (f.text(), f.u64(), f.u64(), f.bytes(32), f.one_of(4), f.u64()),
    50: lambda f: (f.text(), f.text(), f.text(), f.text()),
    51: lambda f: (f.text(), f.text(), f.text(), f.text(), f.text(), f.u64(), f.u64(), f.text()),
    52: lambda f: (f.text(), f.text(), f.text(), f.text()),
    53: lambda f: (f.text(), f.text(), f.list(lambda: (f.u64(), f.u64())),
                   f.list(lambda: (f.u64(), f.u64(), f.u64(), f.bytes(32))), f.text()),
}


def record(payload):
    """Kind, session and fields of a record."""
    fields = Fields(payload)
    length, version, kind = fields.u32(), fields.u8(), fields.u8()
    if length != len(payload) - 4 or version != 1 or kind not in BODIES:
        raise Wrong("not a record of version 1")
    fields.u64()
    session = fields.bytes(16)
    fields.text(), fields.text()
    body = BODIES[kind](fields)
    if fields.left():
        raise Wrong("bytes follow the record")
    return kind, session, body


# ---- The tree (RFC 6962) and the whole -------------------------------------------------------

def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of(peaks):
    if not peaks:
        return hashlib.sha256().digest()
    right = peaks[-1]
    for left in reversed(peaks[:-1]):
        right = node(left, right)
    return right


def grow(peaks, count, leaf):
    """Appends a leaf to the peaks of so many."""
    while count & 1:
        leaf, count = node(peaks.pop(), leaf), count >> 1
    peaks.append(leaf)


def peaks_of(row):
    peaks = []
    for count, leaf in enumerate(row):
        grow(peaks, count, leaf)
    return peaks


class Tree:
    """The tree of the records so far, held against its tiles (c2sp.org/tlog-tiles)."""

    def __init__(self, directory, signed):
        self.directory, self.signed = directory, signed
        self.size, self.peaks, self.rows, self.wrong = 0, [], [], None

    def root(self):
        return root_of(self.peaks)

    def hashes(self, level, index, width):
        """The hashes of a tile, which may stand in a wider one; None if it is not there."""
        path = f"{index % 1000:03}"
        while index >= 1000:
            index //= 1000
            path = f"x{index % 1000:03}/{path}"
        full = os.path.join(self.directory, "tile", str(level), path)
        widths = os.listdir(full + ".p") if os.path.isdir(full + ".p") else []
        widths = sorted(int(n) for n in widths if re.fullmatch("[1-9][0-9]{0,2}", n))
        paths = [(width, f"{full}.p/{width}"), (256, full)]
        paths += [(wider, f"{full}.p/{wider}") for wider in widths if wider > width]
        for wide, path in paths:
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    data = file.read()
                if len(data) != 32 * wide:
                    return None
                return [data[at:at + 32] for at in range(0, 32 * width, 32)]
        return None

    def compare(self, level, index, row):
        found = self.hashes(level, index, len(row))
        if found != row and self.wrong is None:
            self.wrong = f"tile {index} of level {level} is missing, or has other hashes"

    def push(self, leaf):
        grow(self.peaks, self.size, leaf)
        index, self.size = self.size, self.size + 1
        for level in range(8):
            if len(self.rows) == level:
                self.rows.append([])
            row, index = self.rows[level], index // 256
            row.append(leaf)
            if len(row) < 256:
                break
            if (index + 1) << 8 * level + 8 <= self.signed:
                self.compare(level, index, row)
            leaf, self.rows[level] = root_of(peaks_of(row)), []
        if self.size == self.signed:
            for level, row in enumerate(self.rows):
                if row:
                    self.compare(level, self.size >> 8 * level + 8, row)

    def begin(self, size):
        """Begins behind so many leaves, of which the tiles of the right edge are there."""
        self.size, self.signed, rest, level = size, 0, size, 0
        while rest:
            width = rest % 256
            row = self.hashes(level, rest // 256, width) if width else []
            if row is None:
                raise Wrong(f"the tiles of the tree before record {size + 1} are missing")
            self.rows.append(row)
            rest, level = rest >> 8, level + 1
        self.peaks = [peak for row in reversed(self.rows) for peak in peaks_of(row)]

    def fill(self, name, first, last, note):
        """Leaves of records that were deleted, from their tiles."""
        for index in range(first - 1, last):
            width = min(256, self.signed - index // 256 * 256)
            row = self.hashes(0, index // 256, width)
            if row is None or index % 256 >= width:
                raise Wrong(f"{name}: should begin with record {first}, and has no tiles before it")
            self.push(row[index % 256])
            note(self)


def grown(old, old_root, size, root, path):
    """The tree of `old` leaves is the beginning of that of `size` (RFC 9162, 2.1.4.2)."""
    if old == size or old == 0:
        return not path and (old == 0 or old_root == root)
    path = ([old_root] if old & (old - 1) == 0 else []) + path
    if not path or old > size:
        return False
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    left = right = path[0]
    for hash in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            left, right = node(hash, left), node(hash, right)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            right = node(right, hash)
        at, last = at >> 1, last >> 1
    return left == old_root and right == root and last == 0


def check_growth(directory, last, root, checkpoint, size, signed_root):
    """The checkpoint's log has grown from an excerpt that ends with the record `last`."""
    path = []
    if last < size:
        with open(os.path.join(directory, "growth"), "rb") as file:
            text, note = file.read().decode().split("\n\n", 1)
        lines = text.split("\n")
        if lines[0] != f"old {last}" or note.encode() != checkpoint:
            raise Wrong("the proof of growth is of something else")
        path = [unbase64(line) for line in lines[1:]]
    if not grown(last, root, size, signed_root, path):
        raise Wrong("the records are not those that were signed")


def judge(records, note, story):
    """Walks over the records; notes what they say of each other and of the log."""
    for size, payload, where in records:
        try:
            kind, session, body = record(payload)
        except Wrong as wrong:
            raise Wrong(f"{where}: {wrong}")
        begun, statement = story["begun"], (session, body[0])
        if kind == 3 and begun.setdefault(statement, where) is not where:
            raise Wrong(f"{where}: a second INTENT of a statement")
        if kind in (4, 5) and begun.pop(statement, None) is None and not story["late"]:
            raise Wrong(f"{where}: the end of a statement that never began")
        if kind == 8 and body[0] == "started":
            story["late"] = False
            if begun:
                raise Wrong(f"{min(begun.values())}: the end of a statement is not recorded")
        if kind == 32:
            story["named"].append((size, *body))
        if kind == 53:
            story["expired"] = (size, body[2])
        note(payload)


def check_gaps(gaps, expired, signed):
    """What is not there was deleted when due, and that is on record."""
    at, runs = expired
    for name, first, last in gaps:
        if at > signed or not any(low <= first and last <= high for low, high in runs):
            raise Wrong(f"{name}: should begin with record {first}")


def follow(handovers, keys, named, roots):
    """Adds the keys that the known ones were handed over to."""
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


def verify(directory, keys, anchors, live, excerpt=None):
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
    first, last = excerpt or (1, 0)
    wanted.add(last)
    tree = Tree(directory, read_checkpoint(checkpoint)[1])
    roots, gaps = {0: root_of([])}, []
    story = {"begun": {}, "late": bool(excerpt), "named": [], "expired": (0, [])}

    def keep(tree):
        if tree.size in wanted:
            roots[tree.size] = tree.root()

    def note(payload):
        tree.push(hashlib.sha256(b"\0" + payload).digest())
        keep(tree)

    def gap(name, start, end):
        gaps.append((name, start, end))
        story["late"] = True
        tree.fill(name, start, end, keep)

    if excerpt:
        tree.begin(first - 1)
    judge(frames(directory, live, first, gap), note, story)
    size = tree.size
    follow(handovers, keys, story["named"], roots)
    try:
        origin, signed, root = open_checkpoint(checkpoint, keys)
    except Wrong as wrong:
        raise Wrong(f"the checkpoint: {wrong}")
    if excerpt:
        if size != last or gaps:
            raise Wrong(f"the excerpt should go from record {first} to {last}")
        check_growth(directory, last, roots[last], checkpoint, signed, root)
        return origin, signed, root
    if signed > size:
        raise Wrong(f"the log has {size} records, but {signed} were signed")
    if roots[signed] != root:
        raise Wrong(f"the first {signed} records are not those that were signed")
    check_gaps(gaps, story["expired"], signed)
    if tree.wrong:
        raise Wrong(tree.wrong)
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
    return origin, signed, root


# ---- A pack that was unpacked ----------------------------------------------------------------

def verify_pack(folder, keys):
    def load(name):
        with open(os.path.join(folder, name), "rb") as file:
            return file.read()

    data = load("manifest.json")
    manifest = json.loads(data)
    text, lines = split_note(load("manifest.note"))
    digest = hashlib.sha256(data).hexdigest()
    if text != f"velum-pack/v1\n{manifest['log']}\n{digest}\n":
        raise Wrong("manifest.note is of another manifest")
    known = [key for key in keys if (key[0], key[1]) == lines[0][:2] and key[0] == manifest["log"]]
    if len(lines) != 1 or not known or not signed_by(known[0][2], text.encode(), lines[0][2]):
        raise Wrong("manifest.note is not signed by a known key")
    files = {file["path"]: file for file in manifest["files"]}
    there = {os.path.relpath(os.path.join(path, name), folder)
             for path, _, names in os.walk(folder) for name in names}
    if there != files.keys() | {"manifest.json", "manifest.note"}:
        odd = sorted(there ^ (files.keys() | {"manifest.json", "manifest.note"}))[0]
        raise Wrong(f"{odd} is missing, or not in the manifest")
    for path, file in files.items():
        if hashlib.sha256(load(path)).hexdigest() != file["sha256"]:
            raise Wrong(f"{path} is not the file that the manifest has")
    excerpt = (manifest["first"], manifest["last"])
    origin, signed, root = verify(os.path.join(folder, "log"), keys, {}, False, excerpt)
    said = (manifest["log"], manifest["signed"], manifest["root"])
    if said != (origin, signed, base64.b64encode(root).decode()):
        raise Wrong("the manifest says another log")
    return origin, signed, root


# ---- A receipt with its proofs ---------------------------------------------------------------

def included(leaf, index, size, root, path):
    """RFC 9162, 2.1.3.2"""
    at, last = index, size - 1
    if index >= size:
        return False
    for sibling in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            leaf = node(sibling, leaf)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            leaf = node(leaf, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and leaf == root


def compare(leaf, size, root, parts):
    """How a leaf that is shown in part compares to the parts of a mark: -1, 0 or 1."""
    order, opened, said = 0, True, []
    if len(leaf["parts"]) != len(parts):
        raise Wrong("a leaf has another number of parts")
    for shown, wanted in zip(leaf["parts"], parts):
        if "hidden" in shown:
            opened = False
            said.append(bytes.fromhex(shown["hidden"]))
            continue
        salt, part = bytes.fromhex(shown["salt"]), bytes.fromhex(shown["part"])
        half = len(wanted) == 1
        if not opened or len(part) != len(wanted) or (half and part[0] > 15) or len(salt) != 16:
            raise Wrong("a part of a leaf is of another form")
        order = order or (part > wanted) - (part < wanted)
        said.append(hashlib.sha256(salt + part).digest())
    if order == 0 and not opened:
        raise Wrong("the proof is not about this value")
    if any(len(hidden) != 32 for hidden in said):
        raise Wrong("a part of a leaf is of another form")
    hashed = hashlib.sha256(b"\0" + b"".join(said)).digest()
    path = [unbase64(hash) for hash in leaf["path"]]
    if not included(hashed, leaf["index"], size, root, path):
        raise Wrong("a leaf is not in the tree that the receipt commits to")
    return order


def check_claim(claim, columns, value):
    found = [column for column in columns if column[0] == claim["column"] and column[4]]
    if not found:
        raise Wrong("the receipt has no commitment to values of this column")
    _, _, _, missed, (key_hash, size, root) = found[0]
    key = bytes.fromhex(claim["key"])
    if hashlib.sha256(b"velum receipt key\n" + key).digest() != key_hash:
        raise Wrong("the key is not that of this column and session")
    mark = hmac.new(key, value, hashlib.sha256).digest()[:16]
    parts = [bytes([half]) for byte in mark[:4] for half in (byte >> 4, byte & 15)] + [mark[4:]]
    places = [(leaf["index"], compare(leaf, size, root, parts)) for leaf in claim["leaves"]]
    if len(places) == 1 and places[0][1] == 0:
        return "the value was masked"
    ends = (places == [] and size == 0 and root == root_of([]), places == [(0, 1)],
            places == [(size - 1, -1)])
    between = len(places) == 2 and places[0][1] == -1 and places[1] == (places[0][0] + 1, 1)
    if not any(ends) and not between:
        raise Wrong("the proof is not about this value")
    return f"the value is not among those kept; {missed} cells were not" if missed else \
        "the value was not masked"


def verify_receipt(name, keys, value):
    with open(name, "rb") as file:
        document = json.load(file)
    if document["format"] != "velum-receipt/v1":
        raise Wrong("not a receipt")
    head, checkpoint = document["proof"].split("\n\n", 1)
    lines = head.split("\n")
    if lines[0] != "c2sp.org/tlog-proof@v1" or not lines[1].startswith("extra "):
        raise Wrong("not a proof with its record")
    payload, path = unbase64(lines[1][6:]), [unbase64(line) for line in lines[3:]]
    index = int(lines[2].removeprefix("index "))
    origin, size, root = open_checkpoint(checkpoint.encode(), keys)
    if not included(hashlib.sha256(b"\0" + payload).digest(), index, size, root, path):
        raise Wrong("the record is not in the log")
    kind, _, body = record(payload)
    if kind != 41:
        raise Wrong("the record is not a receipt")
    if value is not None:
        if not document["claims"]:
            raise Wrong("the file has no proof about a value")
        for claim in document["claims"]:
            print(f"{claim['column']}: {check_claim(claim, body[6], value)}")
    return origin, size, root


def main():
    parser = argparse.ArgumentParser(description="Verifies a Velum audit log, or a pack of one.")
    parser.add_argument("directory", help="of the log, of the unpacked pack; the receipt")
    parser.add_argument("--key", action="append", required=True, help="a verifier key, or a file")
    parser.add_argument("--checkpoint", action="append", default=[], help="kept from earlier")
    parser.add_argument("--allow-unsigned", action="store_true", help="of a log in use")
    parser.add_argument("--receipt", action="store_true", help="a receipt with its proofs")
    parser.add_argument("--value-file", help="the value that a receipt's proof is about")
    parser.add_argument("--pack", action="store_true", help="an auditor's pack")
    arguments = parser.parse_args()
    try:
        keys = [key for text in arguments.key for key in read_keys(text)]
        anchors = {}
        for name in arguments.checkpoint:
            with open(name, "rb") as file:
                anchors[name] = file.read()
        if arguments.receipt:
            value = None
            if arguments.value_file:
                with open(arguments.value_file, "rb") as file:
                    value = file.read()
                    value = value[:-1].removesuffix(b"\r") if value[-1:] == b"\n" else value
            origin, signed, root = verify_receipt(arguments.directory, keys, value)
        elif arguments.pack:
            origin, signed, root = verify_pack(arguments.directory, keys)
        else:
            live = arguments.allow_unsigned
            origin, signed, root = verify(arguments.directory, keys, anchors, live)
        root = base64.b64encode(root).decode()
        print(f"verified: {signed} records of {origin}, root {root}")
    except Wrong as wrong:
        print(wrong, file=sys.stderr)
        sys.exit(1)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
