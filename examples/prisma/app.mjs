// Questions over HTTP, by Express and Prisma. The tagged template makes a parameter of the question, not text of the statement.
import { PrismaClient } from "@prisma/client";
import express from "express";

const prisma = new PrismaClient();
const app = express();

app.get("/ask", async (request, response) => {
  const question = String(request.query.q ?? "");
  try {
    const [found] = await prisma.$queryRaw`
      SELECT status, columns, rows, sql, explanation, reason FROM postai.answer(${question}, 20)`;
    response.json(found);
  } catch (error) {
    response.status(503).json({ detail: error.meta?.message ?? error.message });
  }
});

app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1");
