"""psycopg 3: text and binary, prepared, pipeline, server-side cursor, COPY, errors, notices.

Prints one line a value: case, row, column, value. Connects by libpq's environment.
"""

import psycopg

COLUMNS = "SELECT * FROM clinic.patients ORDER BY id"


def show(case, names, rows):
    for number, row in enumerate(rows):
        for name, value in zip(names, row):
            print(f"{case}\t{number}\t{name}\t{value!r}")


def names(cursor):
    return [column.name for column in cursor.description]


with psycopg.connect("", autocommit=True) as connection:
    for binary in (False, True):
        form = "binary" if binary else "text"
        with connection.cursor(binary=binary) as cursor:
            cursor.execute(COLUMNS)
            show(f"plain_{form}", names(cursor), cursor.fetchall())
            cursor.execute("SELECT id, ssn AS ssn, ssn AS hidden_ssn FROM clinic.patients"
                           " WHERE id > %s ORDER BY id", (1,))
            show(f"alias_{form}", names(cursor), cursor.fetchall())
            for turn in range(4):
                cursor.execute("SELECT id, city, ssn, ssn_number, born FROM clinic.patients"
                               " WHERE id >= %s ORDER BY id", (turn,), prepare=True)
                show(f"prepared_{form}_{turn}", names(cursor), cursor.fetchall())
    with connection.pipeline():
        cursors = [connection.execute("SELECT id, ssn, note FROM clinic.patients WHERE id = %s",
                                      (number,)) for number in range(1, 6)]
        for number, cursor in enumerate(cursors):
            rows = cursor.fetchall()
            show(f"pipeline_{number}", names(cursor), rows)
    for binary in (False, True):
        with connection.transaction():
            with connection.cursor("held", binary=binary) as cursor:
                cursor.itersize = 2
                cursor.execute(COLUMNS)
                show(f"cursor_{binary}", names(cursor), list(cursor))
    with connection.cursor() as cursor:
        with cursor.copy("COPY (SELECT id, city, ssn, note FROM clinic.patients ORDER BY id)"
                         " TO STDOUT") as copy:
            show("copy_text", ("id", "city", "ssn", "note"), copy.rows())
        with cursor.copy("COPY clinic.patients (id, ssn, ssn_number) TO STDOUT (FORMAT binary)") as copy:
            copy.set_types(["int4", "text", "int8"])
            show("copy_binary", ("id", "ssn", "ssn_number"), copy.rows())
        cursor.execute("CREATE TEMP TABLE arrivals (id int, what text)")
        with cursor.copy("COPY arrivals (id, what) FROM STDIN") as copy:
            copy.write_row((1, "copied in"))
            copy.write_row((2, None))
        cursor.execute("SELECT * FROM arrivals ORDER BY id")
        show("copy_in", names(cursor), cursor.fetchall())
    notices = []
    connection.add_notice_handler(lambda it: notices.append(it.message_primary))
    connection.execute("SELECT clinic.tell(1)")
    show("notice", ("note",), [(text,) for text in notices])
    try:
        connection.execute("INSERT INTO clinic.patients SELECT * FROM clinic.patients WHERE id = 1")
    except psycopg.errors.UniqueViolation as error:
        show("error", ("id", "note"), [(error.sqlstate, str(error.diag.message_primary))])
