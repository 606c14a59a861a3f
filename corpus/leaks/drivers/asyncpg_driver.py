#!/usr/bin/env python3
"""asyncpg for the leak suite: the extended protocol, and binary wherever it can. It asks for text
nowhere.

Reads the suite's JSON lines and answers as proxy/src/leak_suite/driver.rs says.
"""

import asyncio
import io
import json
import os
import ssl
import sys

import asyncpg

END = "\x1e"


def tls():
    if os.environ["PGSSLMODE"] == "disable":
        return False
    return ssl.create_default_context(cafile=os.environ["PGSSLROOTCERT"])


def clean(text):
    return text.replace("\t", " ").replace("\n", " ").replace("\r", " ")


def cell(value):
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        return clean(value.decode("latin-1"))
    return clean(str(value))


def show(records):
    for record in records or ():
        print("\t".join(cell(value) for value in record))


def remark(text):
    print("! " + clean(text))


class Session:
    async def open(self):
        self.kept = {}
        self.connection = await asyncpg.connect(
            host=os.environ["PGHOST"], port=int(os.environ["PGPORT"]),
            user=os.environ["PGUSER"], password=os.environ["PGPASSWORD"],
            database=os.environ["PGDATABASE"], ssl=tls(), timeout=20)
        self.connection.add_log_listener(lambda _, message: remark(words(message)))

    async def ask(self, step):
        way, sql = step["send"], step["sql"]
        connection = self.connection
        if sql.startswith("LISTEN "):
            await connection.add_listener(sql[7:], lambda *it: remark(it[3]))
            return "LISTEN"
        if way == "copy" or sql[:5].lower() in ("copy ", "copy/"):
            if "STDOUT" not in sql.upper():
                return await connection.execute(sql)
            out = io.BytesIO()
            status = await connection._copy_out(sql, out, 20)
            for line in out.getvalue().split(b"\n"):
                print(clean(line.decode("latin-1")))
            return status
        if way == "text":
            return "not asked"
        if way == "prepare":
            self.kept[step["name"]] = await connection.prepare(sql)
            return "PREPARE"
        if way == "run":
            kept = self.kept[step["name"]]
            show(await kept.fetch())
            return kept.get_statusmsg()
        if way == "rows":
            rows = []
            async with connection.transaction():
                async for row in connection.cursor(sql, prefetch=step["limit"]):
                    rows.append(row)
            show(rows)
            return f"{len(rows)}"
        if ";" in sql.rstrip("; ") and "$$" not in sql:
            return await connection.execute(sql)
        statement = await connection.prepare(sql)
        show(await statement.fetch())
        return statement.get_statusmsg()

    async def close(self):
        if not self.connection.is_closed():
            await asyncio.wait_for(self.connection.close(), 20)


def words(error):
    fields = error.as_dict() if hasattr(error, "as_dict") else {"message": str(error)}
    return " ".join(str(value) for value in fields.values() if value is not None)


async def one(session, step):
    try:
        if "open" in step:
            await session.open()
        elif "close" in step:
            await session.close()
        else:
            print(f"= {await session.ask(step)}")
    except asyncpg.PostgresError as error:
        remark(words(error))
        print(f"= SQLSTATE {error.sqlstate}")
    except (OSError, asyncpg.ConnectionDoesNotExistError, asyncpg.InterfaceError,
            asyncpg.InternalClientError, asyncio.TimeoutError) as error:
        remark(f"{type(error).__name__} {error}")
        lost = session.connection is None or session.connection.is_closed()
        print("= LOST" if lost else f"= {type(error).__name__}")
    except (KeyError, ValueError, UnicodeError) as error:
        # What the driver itself cannot read or does not have.
        remark(f"{type(error).__name__} {error}")
        print(f"= {type(error).__name__}")


async def main():
    session = Session()
    session.connection = None
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        step = json.loads(line)
        if "open" in step:
            session = Session()
            session.connection = None
        await one(session, step)
        print(END, flush=True)


asyncio.run(main())
