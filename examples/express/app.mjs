// Questions over HTTP, by Express and node-postgres. DATABASE_URL says where the edge is, PORT where this listens.
import express from "express";
import pg from "pg";

const ANSWER = "SELECT status, columns, rows, sql, explanation, reason FROM postai.answer($1, 20)";
const ORDERS = "SELECT status, orders FROM postai_cache.orders_by_status ORDER BY orders DESC";

function pool(max) {
  const made = new pg.Pool({
    connectionString: process.env.DATABASE_URL,
    max,
    options: "-c statement_timeout=30s", // with the connection: a SET later would keep it from being shared behind the edge
  });
  // A connection that the server ends while nobody uses it must not end the program.
  made.on("error", (error) => console.error(error.message));
  return made;
}

// A session that asks keeps its server connection behind the edge, so questions have connections of their own.
const [reads, questions] = [pool(5), pool(2)];
const app = express();

app.get("/ask", async (request, response) => {
  try {
    const found = await questions.query(ANSWER, [String(request.query.q ?? "")]);
    response.json(found.rows[0]);
  } catch (error) {
    response.status(503).json({ detail: `${error.code}: ${error.message}` });
  }
});

app.get("/orders", async (request, response) => {
  response.json((await reads.query(ORDERS)).rows);
});

app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1");
