// What the page carries: one small JSON object, and packed blobs that are opened when they are needed.

const DATA = JSON.parse(document.getElementById("data").textContent);

/** The bytes of a blob: base64 of gzip. */
async function unpack(id) {
  const binary = atob(document.getElementById(id).textContent);
  const packed = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) packed[at] = binary.charCodeAt(at);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function unpackText(id) {
  return new TextDecoder().decode(await unpack(id));
}

/** A matrix over all places, row by row; the blob holds steps between neighbours of a row. */
async function unpackMatrix(what, model) {
  const bytes = await unpack(`${what}-${model}`);
  const [size, step] = [PLACES.length, DATA.steps[what]];
  const found = new Float32Array(size * size);
  for (let row = 0; row < size; row++) {
    let level = 0;
    for (let at = row * size; at < (row + 1) * size; at++) {
      level = (level + bytes[at]) & 255;
      found[at] = level * step;
    }
  }
  return found;
}

/** What each entry of the page's arrays is of: a residue, or an atom of one that is not standard. */
const PLACES = DATA.chains.flatMap((chain, order) => {
  const listed = chain.places ?? Array.from(chain.sequence, (letter, i) => [i + 1, letter, ""]);
  return listed.map(([number, name, atom], i) => ({ chain: chain.name, kind: chain.kind, order, i, number, name, atom }));
});

const SMALL = ["ligand", "ion"]; // kinds of chains without a backbone

function residueName(i) {
  const { chain, number, name, atom } = PLACES[i];
  const residue = name.length > 1 ? `${name} ${number}` : `${name}${number}`;
  return `${DATA.chains.length > 1 ? `${chain}:` : ""}${residue}${atom ? ` ${atom}` : ""}`;
}

function rangeName([first, last]) {
  return first === last ? residueName(first) : `${residueName(first)}–${residueName(last)}`;
}
