// Sorting by a click on a title, and finding by what is typed.

const body = document.querySelector("#jobs tbody");
const lines = [...body.rows];

function value(line, column) {
  const text = line.cells[column].textContent;
  const number = parseFloat(text.replaceAll(",", ""));
  return text === "–" ? -Infinity : Number.isNaN(number) || column < 2 ? text.toLowerCase() : number;
}

function compare(a, b) {
  if (typeof a === typeof b && typeof a === "string") return a.localeCompare(b, undefined, { numeric: true });
  return a < b ? -1 : a > b ? 1 : 0;
}

document.querySelectorAll("#jobs .sort").forEach((button, column) => {
  button.addEventListener("click", () => {
    const title = button.parentElement;
    const direction = title.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    for (const other of title.parentElement.cells) other.removeAttribute("aria-sort");
    title.setAttribute("aria-sort", direction);
    const sign = direction === "ascending" ? 1 : -1;
    body.append(...[...body.rows].sort((a, b) => sign * compare(value(a, column), value(b, column))));
  });
});

document.getElementById("find").addEventListener("input", (event) => {
  const wanted = event.target.value.toLowerCase();
  for (const line of lines) line.hidden = !line.textContent.toLowerCase().includes(wanted);
  const shown = lines.filter((line) => !line.hidden).length;
  document.getElementById("found").textContent = wanted ? `${shown} of ${lines.length}` : "";
});
