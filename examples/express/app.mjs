// Questions over HTTP, by Express and node-postgres. DATABASE_URL says where the database is, PORT where this listens.
import express from "express";
import pg from "pg";

const ANSWER = "SELECT status, columns, rows, sql, explanation, reason FROM postai.answer($1, 20)";
const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL,
  max: 5,
  options: "-c statement_timeout=30s", // with the connection: a SET later would keep it from being shared behind the edge
});
// A connection that the server ends while nobody uses it must not end the program.
pool.on("error", (error) => console.error(error.message));

const app = express();

app.get("/ask", async (request, response) => {
  try {
    const found = await pool.query(ANSWER, [String(request.query.q ?? "")]);
    response.json(found.rows[0]);
  } catch (error) {
    response.status(503).json({ detail: `${error.code}: ${error.message}` });
  }
});

app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1");
