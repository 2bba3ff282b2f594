// The demonstration of the landing page; without scripts its form leads to the same page with the answer.
const section = document.getElementById("demo");
const answer = document.getElementById("answer");
const element = (name, text) => Object.assign(document.createElement(name), { textContent: text });

function show(told) {
  const parts = [];
  if (told.error || told.status !== "answered") {
    const text = told.error ?? told.reason;
    parts.push(Object.assign(element("p", text), { className: "bad" }));
  } else {
    const table = document.createElement("table");
    const line = (name, values) => {
      const row = document.createElement("tr");
      row.append(...values.map((value) => element(name, value ?? "NULL")));
      return row;
    };
    const head = document.createElement("thead");
    head.append(line("th", told.columns));
    const body = document.createElement("tbody");
    body.append(...told.rows.map((row) => line("td", row)));
    table.append(head, body);
    parts.push(table, element("pre", told.sql), element("p", told.explanation ?? ""));
  }
  answer.replaceChildren(...parts);
}

section.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.target.querySelector("button");
  button.disabled = true;
  answer.replaceChildren(element("p", "…"));
  try {
    const body = new URLSearchParams(new FormData(event.target));
    show(await (await fetch(event.target.action, { method: "POST", body, headers: { accept: "application/json" } })).json());
  } catch {
    show({ error: "The demonstration does not answer. Try again in a minute." });
  } finally {
    button.disabled = false;
  }
});
