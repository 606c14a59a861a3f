#!/bin/sh
# psql: simple queries, COPY in three ways, a cursor, an error, a notice.
# Prints one line a value where it can; see the shared `show`.
set -eu
show() { # case, columns separated by blanks; rows come as unaligned text
  awk -F '\037' -v name="$1" -v columns="$2" 'BEGIN { n = split(columns, c, " ") }
    { for (i = 1; i <= n; i++) printf "%s\t%d\t%s\t%s\n", name, NR - 1, c[i], $i }'
}
run() { psql -X -q -A -t -F "$(printf '\037')" -v ON_ERROR_STOP=1 "$@"; }
columns='id city ssn ssn_number born'
list='id, city, ssn, ssn_number, born'
run -c "SELECT $list FROM clinic.patients ORDER BY id" | show plain "$columns"
run -v FETCH_COUNT=2 -c "SELECT $list FROM clinic.patients ORDER BY id" | show fetch "$columns"
run -c "SELECT id, ssn AS hidden FROM clinic.patients ORDER BY id" | show alias 'id ssn'
run -c "COPY (SELECT id, ssn FROM clinic.patients ORDER BY id) TO STDOUT (DELIMITER E'\\037')" | show copy 'id ssn'
run -c "\\copy (SELECT ssn FROM clinic.patients ORDER BY id) TO STDOUT (FORMAT csv, HEADER)" | tail -n +2 | show csv 'ssn'
run -c "COPY (SELECT ssn FROM clinic.patients ORDER BY id) TO STDOUT (FORMAT binary)" | od -An -v -tx1 | tr -d ' \n' | show binary_copy 'ssn'
echo
run -c "BEGIN; DECLARE held BINARY CURSOR FOR SELECT ssn FROM clinic.patients ORDER BY id; FETCH ALL FROM held; COMMIT" | show cursor 'ssn'
run -c 'SELECT id FROM clinic.patients ORDER BY id \; SELECT city FROM clinic.patients ORDER BY id' | show multi 'id'
run -c "SELECT clinic.tell(1)" 2>&1 | grep NOTICE | show notice 'note'
run -c "INSERT INTO clinic.patients SELECT * FROM clinic.patients WHERE id = 1" 2>&1 | grep -v '^LOCATION' | show error 'note' || true
run -c '\d clinic.patients' | grep -c . | show describe 'id'
