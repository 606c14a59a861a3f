#!/usr/bin/env python3
"""psql for the leak suite: each text as a script would hand it to psql.

Reads the suite's JSON lines and answers as proxy/src/leak_suite/driver.rs says. One psql runs for
each session. It has one way of asking, so of three ways the other two are not asked.
"""

import json
import os
import select
import subprocess
import sys

END = "\x1e"
MARK = "\x02done\x02"
PREPARE = "PREPARE {name} AS {sql}"


class Session:
    def __init__(self):
        self.process = subprocess.Popen(
            ["stdbuf", "-oL", "psql", "-X", "-q", "-A", "-t", "-F", "\t", "-P", "null=\\N"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.set_blocking(self.process.stderr.fileno(), False)
        self.tell("\\set VERBOSITY default\n\\set SHOW_CONTEXT always\n")

    def tell(self, text):
        try:
            self.process.stdin.write(text.encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def said(self):
        """What psql wrote to its standard error, as remarks."""
        while select.select([self.process.stderr], [], [], 0)[0]:
            data = self.process.stderr.read()
            if not data:
                return
            for line in data.splitlines():
                sys.stdout.buffer.write(b"! " + line + b"\n")

    def ask(self, sql):
        # `\;` keeps statements together in one message.
        if "$$" not in sql and "'; " not in sql:
            sql = sql.replace("; ", " \\; ")
        self.tell(f"{sql}\n;\n\\echo\n\\echo {MARK} :SQLSTATE :ROW_COUNT\n")
        for line in self.process.stdout:
            if line.startswith(MARK.encode()):
                self.said()
                _, state, count = line.decode().split()
                print(f"= SQLSTATE {state}" if state != "00000" else f"= {count}")
                return
            if line.startswith(b"Asynchronous notification"):
                line = b"! " + line
                sys.stdout.buffer.write(line)
                continue
            sys.stdout.buffer.write(line.lstrip(b"=!") if line[:1] in b"=!" else line)
        self.said()
        print("= LOST")

    def close(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        for line in self.process.stdout:
            sys.stdout.buffer.write(line)
        self.process.wait(20)
        self.said()


def main():
    session = None
    for line in sys.stdin:
        step = json.loads(line)
        if "open" in step:
            session = Session()
        elif "close" in step:
            session.close()
        elif step["send"] in ("text", "binary"):
            print("= not asked")
        elif step["send"] == "prepare":
            session.ask(PREPARE.format(**step))
        elif step["send"] == "run":
            session.ask(f"EXECUTE {step['name']}")
        elif step["send"] == "rows":
            session.tell(f"\\set FETCH_COUNT {step['limit']}\n")
            session.ask(step["sql"])
            session.tell("\\unset FETCH_COUNT\n")
        else:
            session.ask(step["sql"])
        sys.stdout.flush()
        sys.stdout.buffer.write(END.encode() + b"\n")
        sys.stdout.flush()


main()
