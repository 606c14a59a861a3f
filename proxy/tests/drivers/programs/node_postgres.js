// node-postgres: simple and extended queries, text and binary, named statements, a notification.
// Prints one line a value: case, row, column, value.
const fs = require('fs');
const { createRequire } = require('module');
const { Client } = createRequire(process.env.NODE_FOLDER + '/')('pg');

const env = process.env;
const ssl = env.PGSSLMODE === 'disable' ? false
  : { ca: fs.readFileSync(env.PGSSLROOTCERT), servername: env.PGHOST };

function show(name, result) {
  result.rows.forEach((row, number) => {
    for (const [column, value] of Object.entries(row)) {
      const text = Buffer.isBuffer(value) ? value.toString('hex') : JSON.stringify(value);
      console.log([name, number, column, text].join('\t'));
    }
  });
}

async function main() {
  const client = new Client({
    host: env.PGHOST, port: +env.PGPORT, user: env.PGUSER, password: env.PGPASSWORD,
    database: env.PGDATABASE, ssl,
  });
  await client.connect();
  const all = 'SELECT * FROM clinic.patients ORDER BY id';
  show('simple', await client.query(all));
  show('extended', await client.query(
    'SELECT id, city, ssn, ssn AS hidden_ssn FROM clinic.patients WHERE id >= $1 ORDER BY id', [1]));
  for (let turn = 0; turn < 4; turn++) {
    show('named_' + turn, await client.query({
      name: 'by_id', text: 'SELECT id, city, ssn, born FROM clinic.patients WHERE id >= $1 ORDER BY id',
      values: [turn],
    }));
  }
  show('binary', await client.query({
    text: 'SELECT id, city, ssn, ssn_number FROM clinic.patients WHERE id > $1 ORDER BY id',
    values: [0], binary: true,
  }));
  const both = await client.query('SELECT 1 AS id; SELECT ssn FROM clinic.patients ORDER BY id');
  both.forEach((result, number) => show('multi_' + number, result));
  const heard = new Promise((resolve) => client.on('notification', resolve));
  // Others of this program hear what is said on a channel of the same name.
  const channel = 'quiet_' + process.pid;
  await client.query('LISTEN ' + channel);
  await client.query(`NOTIFY ${channel}, 'nothing special'`);
  console.log(['notification', 0, 'id', (await heard).payload].join('\t'));
  try {
    await client.query('SELECT 1/0');
  } catch (error) {
    console.log(['error', 0, 'id', error.code].join('\t'));
  }
  show('after_error', await client.query('SELECT id, ssn FROM clinic.patients ORDER BY id'));
  await client.end();
}

main().catch((error) => { console.error(error); process.exit(1); });
