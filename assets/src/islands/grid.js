// A table of rows: a button copies it as tab-separated text, which spreadsheets and editors take.
export default function grid(place) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    const lines = [...place.querySelectorAll("tr")].map((row) =>
      [...row.cells].map((cell) => (cell.querySelector("pre") ?? cell).textContent.replace(/[\t\n]/g, " ")).join("\t"),
    );
    await navigator.clipboard.writeText(lines.join("\n"));
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  const bar = document.createElement("div");
  bar.className = "actions";
  bar.append(button);
  place.before(bar);
}
