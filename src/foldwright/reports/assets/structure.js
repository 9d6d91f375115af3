// The structure in three dimensions, drawn by 3Dmol.js.

const CENTRES = ["CA", "C1'"]; // of a residue of a protein, of a nucleic acid

const SHORTEST_RIBBON = 4; // residues; shorter chains are drawn by their atoms

/** Milliseconds that a change of view takes; none where the reader asked for none. */
function motion() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 300;
}

function placeKey(chain, number, atom) {
  return `${chain} ${number} ${atom}`;
}

class StructureView {
  constructor(box) {
    this.box = box;
    this.shown = "cartoon";
    this.focused = null; // the chain of a ligand that is looked at from near
    this.waiting = new Set();
  }

  async start() {
    if (!["webgl2", "webgl"].some((kind) => document.createElement("canvas").getContext(kind))) throw new Error("it has no WebGL");
    const script = document.createElement("script");
    script.textContent = await unpackText("library");
    document.head.append(script);
    const still = this.box.querySelector(".still");
    this.viewer = window.$3Dmol.createViewer(this.box, { backgroundColor: colour("canvas"), antialias: true });
    state.on("model", () => this.load());
    state.on("selection colouring palette", () => this.soon("paint"));
    state.on("hover", () => this.soon("mark"));
    this.listen();
    await this.load();
    still?.remove();
  }

  /** Do it once before the next frame, however often it is asked for until then. */
  soon(what) {
    if (this.waiting.has(what)) return;
    this.waiting.add(what);
    requestAnimationFrame(() => {
      this.waiting.delete(what);
      this[what]();
    });
  }

  /** Keep the still picture, and say why nothing moves. */
  giveUp(fault) {
    const words = document.createElement("p");
    words.className = "quiet";
    words.textContent = `This browser draws a still picture only: ${fault.message}.`;
    this.box.after(words);
    this.viewer = null;
    this.box.dataset.still = "yes";
  }

  /** Pointer, wheel and keys. The wheel scrolls the page unless the structure was clicked, or Ctrl is held. */
  listen() {
    const { box } = this;
    box.addEventListener("pointermove", (event) => event.buttons || this.point(event));
    box.addEventListener("pointerleave", () => state.set({ hover: null }));
    box.addEventListener("pointerdown", (event) => (this.pressed = [event.clientX, event.clientY]), true);
    box.addEventListener("pointerup", (event) => this.release(event), true);
    const isAsked = (event) => event.ctrlKey || document.activeElement === box;
    box.addEventListener("wheel", (event) => isAsked(event) || event.stopPropagation(), true);
    box.addEventListener("keydown", (event) => this.key(event));
  }

  point(event) {
    const i = this.pick(event.clientX, event.clientY);
    if (i !== null || state.hover) state.set({ hover: i === null ? null : { row: i, column: i } });
  }

  /** A click selects the residue under it; a click beside the structure clears the selection. */
  release(event) {
    const [x, y] = this.pressed ?? [Infinity, Infinity];
    if (Math.hypot(event.clientX - x, event.clientY - y) > 4) return;
    this.box.focus({ preventScroll: true });
    const i = this.pick(event.clientX, event.clientY);
    state.set({ selection: i === null ? null : { rows: [i, i], columns: [i, i] } });
  }

  key(event) {
    const turns = { ArrowLeft: ["y", -10], ArrowRight: ["y", 10], ArrowUp: ["x", -10], ArrowDown: ["x", 10] };
    const zooms = { "+": 1.2, "=": 1.2, "-": 1 / 1.2 };
    if (turns[event.key]) this.viewer.rotate(turns[event.key][1], turns[event.key][0]);
    else if (zooms[event.key]) this.viewer.zoom(zooms[event.key]);
    else if (event.key === "Home") this.reset();
    else return;
    event.preventDefault();
  }

  async load() {
    const model = state.model;
    const text = await unpackText(`structure-${model}`);
    if (model !== state.model) return; // another was chosen meanwhile
    const view = this.viewer.getModel(0) ? this.viewer.getView() : null;
    this.viewer.removeAllModels();
    this.atoms = this.viewer.addModel(text, "cif", { assignBonds: true }).selectedAtoms({});
    this.place = new Map(PLACES.map(({ chain, number, atom }, i) => [placeKey(chain, number, atom), i]));
    this.centres = [];
    for (const atom of this.atoms) {
      const i = this.indexOf(atom);
      if (i === undefined) continue;
      if (CENTRES.includes(atom.atom) || PLACES[i].atom) this.centres[i] = atom;
      else this.centres[i] ??= atom;
      if (!SMALL.includes(PLACES[i].kind)) atom.hetflag = false; // a modified residue is part of the ribbon
    }
    this.style();
    if (view) this.viewer.setView(view);
    else this.open();
    this.viewer.render();
    this.box.dataset.model = model;
  }

  indexOf(atom) {
    return this.place.get(placeKey(atom.chain, atom.resi, atom.atom)) ?? this.place.get(placeKey(atom.chain, atom.resi, ""));
  }

  paint() {
    this.viewer.setBackgroundColor(colour("canvas"), 1);
    this.style();
    this.viewer.render();
  }

  /** Give every residue its shape and its colour; seen at the next rendering. */
  style() {
    const colours = residueColours();
    const ofAtom = atomColours();
    const colorfunc = (atom) => ofAtom?.(atom) ?? colours[this.indexOf(atom)] ?? "#888888";
    const isTrace = this.shown === "trace" || this.focused; // a ribbon would hide what is looked at from near
    const trace = { cartoon: { style: "trace", thickness: this.focused ? 0.15 : 0.4, colorfunc } };
    const cartoon = { cartoon: { arrows: true, colorfunc } };
    this.viewer.setStyle({}, isTrace ? trace : cartoon);
    if (this.shown === "sticks") this.viewer.addStyle({}, { stick: { radius: 0.12, colorfunc } });
    if (this.focused) this.viewer.addStyle(this.around(), { stick: { radius: 0.12, colorfunc } });
    this.viewer.addStyle({ predicate: (atom) => this.isMolecule(atom) }, { stick: { radius: 0.22, colorfunc }, sphere: { radius: 0.24, colorfunc } });
    if (this.focused) this.viewer.addStyle({ chain: this.focused }, { stick: { radius: 0.32, colorfunc } });
    this.viewer.addStyle({ predicate: (atom) => this.kindOf(atom) === "ion" }, { sphere: { radius: 1.2, colorfunc } });
  }

  kindOf(atom) {
    return PLACES[this.indexOf(atom)]?.kind;
  }

  /** Whether an atom is of something that a ribbon does not show: a ligand, a modified residue. */
  isMolecule(atom) {
    const place = PLACES[this.indexOf(atom)];
    if (place === undefined) return false;
    return place.atom !== "" || place.kind === "ligand" || DATA.chains[place.order].size < SHORTEST_RIBBON;
  }

  show(what) {
    this.shown = what;
    if (this.viewer) this.paint();
  }

  /** Balls at the residues under the pointer, joined by a line where they are two. */
  mark() {
    this.viewer.removeAllShapes();
    if (state.hover) {
      const ends = [state.hover.row, state.hover.column].map((i) => this.centres[i]).filter(Boolean);
      ends.forEach((atom, i) => {
        this.viewer.addSphere({ center: atom, radius: 1.4, color: colour(i ? "column" : "row"), opacity: 0.85 });
      });
      if (ends.length === 2 && ends[0] !== ends[1]) {
        this.viewer.addCylinder({ start: ends[0], end: ends[1], radius: 0.15, color: colour("ink"), dashed: true });
      }
    }
    this.viewer.render();
  }

  /** The residue nearest to a point of the screen, of near ones the foremost; null in empty space. */
  pick(x, y) {
    const known = this.centres.map((atom, i) => [atom, i]).filter(([atom]) => atom);
    const places = this.viewer.modelToScreen(known.map(([atom]) => ({ x: atom.x, y: atom.y, z: atom.z })));
    let best = null;
    let nearest = 14 ** 2;
    places.forEach((place, k) => {
      const distance = (place.x - x - window.scrollX) ** 2 + (place.y - y - window.scrollY) ** 2;
      if (distance < nearest) [best, nearest] = [known[k][1], distance];
    });
    return best;
  }

  /** The opening view: all of it, most extent from left to right and least in the line of sight. */
  open() {
    const [x, y, z, depth] = this.viewer.getView();
    this.viewer.setView([x, y, z, depth, ...DATA.models[state.model].turn]);
    this.viewer.zoomTo();
    this.viewer.zoom(0.9); // the ends of something long would touch the border
  }

  reset() {
    this.focused = null;
    if (!this.viewer) return;
    this.paint();
    this.open();
  }

  /** A ligand from near, and side chains around it. */
  focus(chain) {
    this.focused = chain;
    if (!this.viewer) return;
    this.paint();
    this.viewer.zoomTo({ chain }, motion());
  }

  around() {
    return { within: { distance: 5, sel: { chain: this.focused } }, byres: true };
  }

  picture() {
    return this.viewer.pngURI();
  }
}

/** Colours that atoms of one residue do not share; none where something else was chosen. */
function atomColours() {
  if (state.selection) return null;
  if (state.colouring === "element") return elementColour;
  if (state.colouring !== "plddt" || DATA.unit !== "token") return null;
  const classes = [0, 1, 2, 3].map((i) => colour(`class${i}`));
  return (atom) => classes[confidenceClass(atom.b)];
}

/** Carbon as its chain, everything else as chemists are used to. */
function elementColour(atom) {
  const order = DATA.chains.findIndex((chain) => chain.name === atom.chain);
  const shade = window.$3Dmol.elementColors.Jmol[atom.elem] ?? 0x888888;
  return atom.elem === "C" ? colour(`chain${order % 8}`) : `#${shade.toString(16).padStart(6, "0")}`;
}

/** One colour for each residue, by what was chosen; a selection pushes the rest into the background. */
function residueColours() {
  const own = ownColours();
  const chosen = state.selection;
  if (!chosen || state.colouring === "error") return own;
  const [faint, row, column] = ["faint", "row", "column"].map(colour);
  return own.map((_, i) => (isWithin(i, chosen.rows) ? row : isWithin(i, chosen.columns) ? column : faint));
}

function ownColours() {
  if (state.colouring === "chain" || state.colouring === "element") return PLACES.map(({ order }) => colour(`chain${order % 8}`));
  if (state.colouring === "position") return rainbow();
  if (state.colouring === "error") return errorColours();
  const classes = [0, 1, 2, 3].map((i) => colour(`class${i}`));
  return DATA.models[state.model].plddt.map((value) => classes[confidenceClass(value)]);
}

/** From the first residue of each chain to its last. */
function rainbow() {
  const table = ramp(colour("position").split(" "));
  return PLACES.map(({ order, i }) => hexOf(table[Math.round((255 * i) / Math.max(1, DATA.chains[order].size - 1))]));
}

/** The error expected of each residue when the first one selected is laid in place; that one stands out. */
function errorColours() {
  const errors = state.errors[state.model];
  const from = state.selection?.rows[0];
  if (!errors || from === undefined) return PLACES.map(() => colour("faint"));
  const table = ramp(colour("errors").split(" "));
  const shade = (error) => hexOf(table[Math.min(230, Math.round((255 * error) / DATA.models[state.model].max_pae))]);
  return PLACES.map((_, i) => (i === from ? colour("row") : shade(errors[from * PLACES.length + i])));
}
