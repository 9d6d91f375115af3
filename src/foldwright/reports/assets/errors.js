// The map over all pairs: predicted aligned errors (row aligned on, column scored), or how probable contacts are.

const MARGIN = { left: 56, top: 22, right: 16, bottom: 44 };

class ErrorMap {
  constructor(canvas) {
    this.canvas = canvas;
    this.size = PLACES.length;
    this.cursor = { row: 0, column: 0 };
    state.on("model palette map", () => this.paint());
    state.on("hover selection", () => requestAnimationFrame(() => this.draw()));
    new ResizeObserver(() => this.draw()).observe(canvas);
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointerleave", () => this.from ?? state.set({ hover: null }));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (this.from = undefined));
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  /** Colour every pixel anew: another model, or another palette. */
  async paint() {
    const { model, map } = state;
    if (DATA.models[model].max_pae === null) return;
    state.errors[model] ??= await unpackMatrix("errors", model); // words need them whatever is shown
    if (map === "contacts") state.contacts[model] ??= await unpackMatrix("contacts", model);
    if (model !== state.model || map !== state.map) return;
    const [values, top, stops] = this.shown();
    const shades = packedRamp(stops);
    const pixels = new ImageData(this.size, this.size);
    const packed = new Uint32Array(pixels.data.buffer); // one store for each of what may be millions of pairs
    for (let at = 0; at < values.length; at++) packed[at] = shades[Math.min(255, Math.round((255 * values[at]) / top))];
    this.image ??= new OffscreenCanvas(this.size, this.size);
    this.image.getContext("2d").putImageData(pixels, 0, 0);
    this.draw();
    [this.canvas.dataset.model, this.canvas.dataset.map] = [model, map];
  }

  /** Values, the highest, and colours from 0 to it: what is sure is dark. */
  shown() {
    const stops = colour("errors").split(" ");
    if (state.map === "contacts") return [state.contacts[state.model], 1, stops.reverse()];
    return [state.errors[state.model], DATA.models[state.model].max_pae, stops];
  }

  giveUp(fault) {
    const words = document.createElement("p");
    words.textContent = `This browser cannot draw the map (${fault.message}); its numbers are in the table below.`;
    this.canvas.replaceWith(words);
  }

  draw() {
    const ratio = window.devicePixelRatio || 1;
    const side = this.canvas.clientWidth;
    const high = side - MARGIN.left - MARGIN.right + MARGIN.top + MARGIN.bottom;
    if (!side || !this.image) return;
    if (this.canvas.width !== Math.round(side * ratio)) {
      this.canvas.style.height = `${high}px`;
      [this.canvas.width, this.canvas.height] = [Math.round(side * ratio), Math.round(high * ratio)];
    }
    this.length = side - MARGIN.left - MARGIN.right;
    const pen = this.canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, side, high);
    pen.imageSmoothingEnabled = this.size > this.length * ratio;
    pen.drawImage(this.image, MARGIN.left, MARGIN.top, this.length, this.length);
    this.drawChains(pen);
    this.drawAxes(pen);
    if (state.selection) this.drawSelection(pen);
    if (state.hover) this.drawCross(pen);
  }

  place(residue) {
    return (residue / this.size) * this.length;
  }

  drawChains(pen) {
    pen.strokeStyle = colour("ink");
    pen.fillStyle = colour("ink");
    pen.font = "12px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.lineWidth = 1;
    pen.strokeRect(MARGIN.left, MARGIN.top, this.length, this.length);
    if (DATA.chains.length === 1) return;
    for (const { name, size, start, entity } of DATA.chains) {
      const [from, to] = [this.place(start), this.place(start + size)];
      if (entity) this.drawEntity(pen, entity, from, to);
      pen.fillStyle = pen.strokeStyle = colour("ink");
      pen.strokeRect(MARGIN.left + from, MARGIN.top, to - from, this.length);
      pen.strokeRect(MARGIN.left, MARGIN.top + from, this.length, to - from);
      if (to - from > 8 * name.length) pen.fillText(name, MARGIN.left + (from + to) / 2, MARGIN.top - 7);
    }
  }

  /** A stripe along both axes: copies of one molecule have one colour. */
  drawEntity(pen, entity, from, to) {
    pen.fillStyle = colour(`chain${(entity - 1) % 8}`);
    pen.fillRect(MARGIN.left + from, MARGIN.top + this.length + 2, Math.max(1.5, to - from), 5);
    pen.fillRect(MARGIN.left + this.length + 2, MARGIN.top + from, 5, Math.max(1.5, to - from));
  }

  drawAxes(pen) {
    pen.fillStyle = colour("quiet");
    const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000].find((s) => (this.place(s) > 44)) ?? 5000;
    for (let residue = step; residue <= this.size; residue += step) {
      const at = this.place(residue - 0.5);
      pen.textAlign = "center";
      pen.fillText(residue, MARGIN.left + at, MARGIN.top + this.length + 20);
      pen.textAlign = "right";
      pen.fillText(residue, MARGIN.left - 5, MARGIN.top + at + 4);
    }
    pen.textAlign = "center";
    pen.fillText(`scored ${DATA.unit}`, MARGIN.left + this.length / 2, MARGIN.top + this.length + 38);
    pen.save();
    pen.translate(11, MARGIN.top + this.length / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText(`aligned ${DATA.unit}`, 0, 0);
    pen.restore();
  }

  drawSelection(pen) {
    const { rows, columns } = state.selection;
    const [left, right] = [this.place(columns[0]), this.place(columns[1] + 1)];
    const [top, bottom] = [this.place(rows[0]), this.place(rows[1] + 1)];
    pen.lineWidth = 2;
    pen.strokeStyle = colour("ink");
    pen.strokeRect(MARGIN.left + left, MARGIN.top + top, right - left, bottom - top);
    pen.fillStyle = colour("column");
    pen.fillRect(MARGIN.left + left, MARGIN.top - 5, Math.max(2, right - left), 5);
    pen.fillStyle = colour("row");
    pen.fillRect(MARGIN.left - 5, MARGIN.top + top, 5, Math.max(2, bottom - top));
  }

  drawCross(pen) {
    pen.lineWidth = 1.5;
    pen.globalAlpha = 0.9;
    pen.strokeStyle = colour("column");
    const x = MARGIN.left + this.place(state.hover.column + 0.5);
    const y = MARGIN.top + this.place(state.hover.row + 0.5);
    pen.beginPath();
    pen.moveTo(x, MARGIN.top);
    pen.lineTo(x, MARGIN.top + this.length);
    pen.stroke();
    pen.strokeStyle = colour("row");
    pen.beginPath();
    pen.moveTo(MARGIN.left, y);
    pen.lineTo(MARGIN.left + this.length, y);
    pen.stroke();
    pen.globalAlpha = 1;
  }

  /** The pair under the pointer; beyond the map, the nearest. */
  at(event) {
    const box = this.canvas.getBoundingClientRect();
    const residue = (place) => Math.max(0, Math.min(this.size - 1, Math.floor((place / this.length) * this.size)));
    return { row: residue(event.clientY - box.top - MARGIN.top), column: residue(event.clientX - box.left - MARGIN.left) };
  }

  press(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.from = this.at(event);
    this.cursor = this.from;
    state.set({ hover: this.from, selection: null });
  }

  move(event) {
    const to = this.at(event);
    this.cursor = to;
    if (this.from && (to.row !== this.from.row || to.column !== this.from.column)) this.select(this.from, to);
    state.set({ hover: to });
  }

  select(from, to) {
    const range = (a, b) => [Math.min(a, b), Math.max(a, b)];
    state.set({ selection: { rows: range(from.row, to.row), columns: range(from.column, to.column) } });
  }

  key(event) {
    const by = event.ctrlKey ? 10 : 1;
    const step = { ArrowUp: [-by, 0], ArrowDown: [by, 0], ArrowLeft: [0, -by], ArrowRight: [0, by] }[event.key];
    if (!step) return;
    event.preventDefault();
    const start = (this.anchor = event.shiftKey ? (this.anchor ?? this.cursor) : undefined);
    const within = (i) => Math.max(0, Math.min(this.size - 1, i));
    this.cursor = { row: within(this.cursor.row + step[0]), column: within(this.cursor.column + step[1]) };
    if (start) this.select(start, this.cursor);
    state.set({ hover: this.cursor });
  }
}
