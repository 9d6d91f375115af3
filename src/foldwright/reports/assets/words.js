// What is pointed at and what is selected, in words.

const CLASS_NAMES = ["very high", "confident", "low", "very low"];
const HINT = document.getElementById("readout")?.textContent;

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function span([first, last]) {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

function errorBetween(row, column) {
  const errors = state.errors[state.model];
  return errors ? errors[row * PLACES.length + column] : null;
}

function confidenceWords(residue) {
  const { plddt, low, high } = DATA.models[state.model];
  const value = plddt[residue];
  const atoms = low && low[residue] < high[residue] ? `; atoms ${low[residue].toFixed(1)} to ${high[residue].toFixed(1)}` : "";
  return `pLDDT ${value.toFixed(1)} (${CLASS_NAMES[confidenceClass(value)]}${atoms})`;
}

function hoverWords({ row, column }) {
  if (row === column) return `${residueName(row)}: ${confidenceWords(row)}`;
  const error = errorBetween(row, column);
  const seen = error === null ? "" : ` Laid on ${residueName(row)}, ${residueName(column)} is expected to be off by ${error.toFixed(1)} Å.`;
  const contacts = state.map === "contacts" && state.contacts[state.model];
  const touch = contacts ? ` They touch with a probability of ${contacts[row * PLACES.length + column].toFixed(2)}.` : "";
  return `${residueName(row)}: ${confidenceWords(row)}; ${residueName(column)}: ${confidenceWords(column)}.${seen}${touch}`;
}

function selectionWords({ rows, columns }) {
  const plddt = (range) => mean(span(range).map((i) => DATA.models[state.model].plddt[i])).toFixed(1);
  const isOne = rows[0] === columns[0] && rows[1] === columns[1];
  const what = isOne
    ? `Selected ${rangeName(rows)}: mean pLDDT ${plddt(rows)}`
    : `Selected ${rangeName(rows)} (orange, mean pLDDT ${plddt(rows)}) and ${rangeName(columns)} (purple, ${plddt(columns)})`;
  if (!state.errors[state.model]) return `${what}.`;
  const error = mean(span(rows).map((row) => mean(span(columns).map((column) => errorBetween(row, column)))));
  return `${what}; mean expected error ${error.toFixed(1)} Å.`;
}

function writeWords() {
  const parts = [state.selection && selectionWords(state.selection), state.hover && hoverWords(state.hover)];
  document.getElementById("readout").textContent = parts.filter(Boolean).join(" · ") || HINT;
}

function describeModel() {
  const { plddt, mean_plddt: overAtoms } = DATA.models[state.model];
  const shares = CLASS_NAMES.map((name, i) => {
    const share = plddt.filter((value) => confidenceClass(value) === i).length / plddt.length;
    return `${Math.round(100 * share)}% ${name}`;
  });
  return `${DATA.models[state.model].name}: mean pLDDT ${(overAtoms ?? mean(plddt)).toFixed(1)}; ${shares.join(", ")}.`;
}

/** Every residue with its pLDDT, made when it is asked for. */
function residueTable() {
  const table = document.createElement("table");
  table.createCaption().textContent = `pLDDT of every ${DATA.unit}, ${DATA.models[state.model].name}`;
  const head = table.createTHead().insertRow();
  const { low, high } = DATA.models[state.model];
  const more = (i) => (low ? [low[i].toFixed(1), high[i].toFixed(1)] : []);
  for (const title of [DATA.unit, "pLDDT", "confidence", ...(low ? ["lowest atom", "highest atom"] : [])]) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = title;
    head.append(cell);
  }
  const body = table.createTBody();
  DATA.models[state.model].plddt.forEach((value, i) => {
    const row = body.insertRow();
    for (const text of [residueName(i), value.toFixed(1), CLASS_NAMES[confidenceClass(value)], ...more(i)]) {
      row.insertCell().textContent = text;
    }
  });
  return table;
}
