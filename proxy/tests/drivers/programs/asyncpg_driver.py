"""asyncpg: always the extended protocol, always binary where it can.

Prints one line a value: case, row, column, value.
"""

import asyncio
import io
import os
import ssl

import asyncpg


def show(case, records):
    for number, record in enumerate(records):
        for name, value in record.items():
            print(f"{case}\t{number}\t{name}\t{value!r}")


def tls():
    if os.environ["PGSSLMODE"] == "disable":
        return False
    return ssl.create_default_context(cafile=os.environ["PGSSLROOTCERT"])


async def main():
    connection = await asyncpg.connect(
        host=os.environ["PGHOST"], port=int(os.environ["PGPORT"]), user=os.environ["PGUSER"],
        password=os.environ["PGPASSWORD"], database=os.environ["PGDATABASE"], ssl=tls())
    show("plain", await connection.fetch("SELECT * FROM clinic.patients ORDER BY id"))
    statement = await connection.prepare(
        "SELECT id, city, ssn AS ssn, ssn AS hidden_ssn, ssn_number, born FROM clinic.patients"
        " WHERE id >= $1 ORDER BY id")
    for turn in range(4):
        show(f"prepared_{turn}", await statement.fetch(turn))
    async with connection.transaction():
        rows = []
        async for row in connection.cursor("SELECT * FROM clinic.patients ORDER BY id", prefetch=2):
            rows.append(row)
        show("cursor", rows)
    for form in ("text", "csv", "binary"):
        out = io.BytesIO()
        await connection.copy_from_query(
            "SELECT id, city FROM clinic.patients ORDER BY id", output=out, format=form)
        print(f"copy_{form}\t0\tid\t{out.getvalue()!r}")
        out = io.BytesIO()
        await connection.copy_from_query(
            "SELECT ssn, ssn_number FROM clinic.patients ORDER BY id", output=out, format=form)
        print(f"copy_{form}\t0\tssn\t{out.getvalue()!r}")
    await connection.execute("CREATE TEMP TABLE arrivals (id int, what text)")
    await connection.copy_records_to_table(
        "arrivals", columns=["id", "what"], records=[(1, "in"), (2, None)])
    show("copy_in", await connection.fetch("SELECT * FROM arrivals ORDER BY id"))
    await connection.execute("TRUNCATE arrivals")
    await connection.executemany(
        "INSERT INTO arrivals (id, what) VALUES ($1, $2)", [(n, f"n{n}") for n in range(50)])
    show("many", await connection.fetch("SELECT count(*) AS id FROM arrivals"))
    try:
        await connection.execute("SELECT pg_sleep(30)", timeout=0.3)
    except asyncio.TimeoutError:
        print("cancel\t0\tid\t'cancelled'")
    show("after_cancel", await connection.fetch("SELECT id, ssn FROM clinic.patients ORDER BY id"))
    await connection.close()


asyncio.run(main())
