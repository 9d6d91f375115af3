// The page's controls, and what follows them everywhere.

function byId(id) {
  return document.getElementById(id);
}

function save(name, url) {
  const link = document.createElement("a");
  [link.download, link.href] = [name, url];
  link.click();
}

function chooseModel(model) {
  if (model !== state.model) state.set({ model });
}

/** Tables of the chosen model only, and every control says the same. */
function followModel() {
  for (const part of document.querySelectorAll("[data-model]:is(div)")) {
    if (part.id !== "structure") part.hidden = +part.dataset.model !== state.model;
  }
  if (byId("model")) byId("model").value = state.model;
  const radio = byId(`model-${state.model}`);
  if (radio) radio.checked = true;
  byId("plddt-says").textContent = describeModel();
  if (byId("residues").open) byId("residue-table").replaceChildren(residueTable());
}

function selectPair(...names) {
  const [rows, columns] = names.map((name) => {
    const { start, size } = DATA.chains.find((chain) => chain.name === name);
    return [start, start + size - 1];
  });
  state.set({ selection: { rows, columns } });
  byId("look").scrollIntoView({ behavior: motion() ? "smooth" : "auto" });
}

function connectControls(view) {
  byId("model")?.addEventListener("change", (event) => chooseModel(+event.target.value));
  for (const radio of document.querySelectorAll("input[name=model]")) {
    radio.disabled = false;
    radio.addEventListener("change", () => chooseModel(+radio.value));
  }
  byId("colouring").addEventListener("change", (event) => state.set({ colouring: event.target.value }));
  byId("style").addEventListener("change", (event) => view.show(event.target.value));
  byId("safe").addEventListener("change", (event) => {
    document.documentElement.dataset.palette = event.target.checked ? "safe" : "alphafold";
    state.set({ palette: document.documentElement.dataset.palette });
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => state.set({ palette: state.palette }));
  byId("reset").addEventListener("click", () => view.reset());
  byId("clear").addEventListener("click", () => state.set({ selection: null }));
  byId("save-picture").addEventListener("click", () => view.picture && save(`${DATA.job}.png`, view.picture()));
  byId("save-structure").addEventListener("click", async () => {
    const file = new Blob([await unpack(`structure-${state.model}`)], { type: "chemical/x-mmcif" });
    save(`${DATA.job}_${DATA.models[state.model].name}.cif`, URL.createObjectURL(file));
  });
  byId("map")?.addEventListener("change", (event) => state.set({ map: event.target.value }));
  state.on("map", () => {
    for (const key of document.querySelectorAll("[data-map]:is(figcaption)")) key.hidden = key.dataset.map !== state.map;
  });
  for (const button of document.querySelectorAll("button[data-focus]")) {
    button.addEventListener("click", () => {
      view.focus(button.dataset.focus);
      byId("look").scrollIntoView({ behavior: motion() ? "smooth" : "auto" });
    });
  }
  for (const button of document.querySelectorAll("button[data-rows]")) {
    button.addEventListener("click", () => selectPair(button.dataset.rows, button.dataset.columns));
  }
  document.addEventListener("keydown", (event) => event.key === "Escape" && state.set({ selection: null, hover: null }));
  byId("residues").addEventListener("toggle", followModel);
  state.on("model", followModel);
  state.on("model hover selection", writeWords);
  state.on("selection", () => (byId("clear").disabled = !state.selection));
  state.on("colouring", () => (byId("structure-key").hidden = state.colouring !== "plddt"));
  followModel();
}
