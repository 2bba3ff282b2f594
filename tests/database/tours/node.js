// A tour of node-postgres: node node.js HOST PORT USER PASSWORD DATABASE TYPES MAKE ERROR...
const { Client, Query } = require('pg');
const [host, port, user, password, database, types, make, ...errors] = process.argv.slice(2);
const tell = what => console.log(JSON.stringify(what));
(async () => {
  const one = new Client({ host, port: Number(port), user, password, database });
  await one.connect();
  tell(Object.values((await one.query({ text: types, rowMode: 'array' })).rows[0]));
  for (const sql of make.split('; ')) await one.query(sql);
  for (let n = 0; n < 20; n++) await one.query('insert into tour values ($1, $2)', [n, 'row ' + n]);
  for (let n = 0; n < 8; n++)
    tell((await one.query({ name: 'find', text: 'select b from tour where a = $1', values: [n] })).rows);
  await one.query('begin');
  await one.query("update tour set b = 'changed' where a < 3");
  tell((await one.query('select * from tour order by a limit 4')).rows);
  await one.query('rollback');
  tell((await Promise.all([1, 2, 3].map(n => one.query('select b from tour where a = $1', [n])))).map(one => one.rows));
  for (const sql of errors)
    try { await one.query(sql); } catch (error) { tell([error.code, error.message, error.position]); }
  const sleeping = new Query('select pg_sleep(20)');
  const ended = new Promise(resolve => sleeping.on('error', error => resolve([error.code, error.message])));
  one.query(sleeping);
  await new Promise(resolve => setTimeout(resolve, 300));
  new Client({ host, port: Number(port), user, password, database }).cancel(one, sleeping);
  tell(await ended);
  const heard = new Promise(resolve => one.on('notification', n => resolve([n.channel, n.payload])));
  await one.query('listen tour');
  await one.query("notify tour, 'hello'");
  tell(await heard);
  await one.end();
})().catch(error => { console.error(error); process.exit(1); });
