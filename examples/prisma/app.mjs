// Questions over HTTP, by Express and Prisma. DATABASE_URL says where the edge is, PORT where this listens.
// The tagged template makes a parameter of the question, not text of the statement.
import { PrismaPg } from "@prisma/adapter-pg";
import { PrismaClient } from "@prisma/client";
import express from "express";

function client(max) {
  // Settings go with the connection: a SET later would keep it from being shared behind the edge.
  const options = "-c statement_timeout=30s";
  return new PrismaClient({ adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL, max, options }) });
}

// A session that asks keeps its server connection behind the edge, so questions have connections of their own.
const [reads, questions] = [client(5), client(2)];
const app = express();

app.get("/ask", async (request, response) => {
  const question = String(request.query.q ?? "");
  try {
    const [found] = await questions.$queryRaw`
      SELECT status, columns, rows, sql, explanation, reason FROM postai.answer(${question}, 20)`;
    response.json(found);
  } catch (error) {
    response.status(503).json({ detail: error.meta?.driverAdapterError?.message ?? error.message });
  }
});

app.get("/orders", async (request, response) => {
  response.json(await reads.$queryRaw`SELECT status, orders FROM postai_cache.orders_by_status ORDER BY orders DESC`);
});

app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1");
