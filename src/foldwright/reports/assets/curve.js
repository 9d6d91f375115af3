// The curve of pLDDT along the residues: drawn on the server's side, marked here.

const SVG = "http://www.w3.org/2000/svg";

class Curve {
  constructor(picture) {
    this.picture = picture;
    const { left, right, top, bottom } = picture.dataset;
    Object.assign(this, { left: +left, right: +right, top: +top, bottom: +bottom });
    this.bands = ["row", "column"].map((name) => this.add("rect", `mark f-${name}`));
    this.lines = ["row", "column"].map((name) => this.add("line", `cursor s-${name}`));
    state.on("hover", () => this.mark());
    state.on("selection", () => this.band());
    state.on("model", () => this.choose());
    picture.addEventListener("pointermove", (event) => this.move(event));
    picture.addEventListener("pointerdown", (event) => this.press(event));
    picture.addEventListener("pointerleave", () => this.from ?? state.set({ hover: null }));
    for (const end of ["pointerup", "pointercancel"]) picture.addEventListener(end, () => (this.from = undefined));
    this.choose();
  }

  add(name, classes) {
    const mark = document.createElementNS(SVG, name);
    mark.setAttribute("class", classes);
    mark.setAttribute("visibility", "hidden");
    this.picture.append(mark);
    return mark;
  }

  place(residue) {
    return this.left + (residue / PLACES.length) * (this.right - this.left);
  }

  /** The chosen model's line in front, the others in the background. */
  choose() {
    this.drawRange();
    for (const line of this.picture.querySelectorAll("[data-label^=m]")) {
      const isChosen = line.dataset.label === `m${state.model}`;
      line.setAttribute("class", isChosen ? "s-ink" : "s-line");
      if (isChosen) this.bands[0].before(line);
    }
  }

  /** From the lowest to the highest atom of each token. */
  drawRange() {
    const area = this.picture.querySelector("[data-label=range]");
    const { low, high } = DATA.models[state.model];
    if (!area) return;
    const y = (value) => this.bottom + ((this.top - this.bottom) * value) / 100;
    const points = (values) => values.map((value, i) => `${this.place(i + 0.5).toFixed(1)} ${y(value).toFixed(1)}`);
    area.setAttribute("d", `M${[...points(high), ...points(low).reverse()].join("L")}Z`);
  }

  mark() {
    const places = state.hover ? [state.hover.row, state.hover.column] : [];
    this.lines.forEach((line, i) => {
      line.setAttribute("visibility", state.hover ? "visible" : "hidden");
      if (!state.hover) return;
      const x = this.place(places[i] + 0.5);
      for (const [name, value] of Object.entries({ x1: x, x2: x, y1: this.top, y2: this.bottom })) {
        line.setAttribute(name, value);
      }
    });
  }

  band() {
    const chosen = state.selection;
    this.bands.forEach((band, i) => {
      band.setAttribute("visibility", chosen ? "visible" : "hidden");
      if (!chosen) return;
      const [first, last] = i ? chosen.columns : chosen.rows;
      band.setAttribute("x", this.place(first));
      band.setAttribute("width", Math.max(1, this.place(last + 1) - this.place(first)));
      band.setAttribute("y", i ? this.bottom - 6 : this.top);
      band.setAttribute("height", 6);
    });
  }

  at(event) {
    const box = this.picture.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * this.picture.viewBox.baseVal.width;
    const residue = Math.floor(((x - this.left) / (this.right - this.left)) * PLACES.length);
    return Math.max(0, Math.min(PLACES.length - 1, residue));
  }

  press(event) {
    this.picture.setPointerCapture(event.pointerId);
    this.from = this.at(event);
    state.set({ selection: null });
  }

  move(event) {
    const to = this.at(event);
    if (this.from !== undefined && to !== this.from) {
      const range = [Math.min(this.from, to), Math.max(this.from, to)];
      state.set({ selection: { rows: range, columns: range } });
    }
    state.set({ hover: { row: to, column: to } });
  }
}
