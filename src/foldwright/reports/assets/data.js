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

/** Expected errors in angstrom, row by row; the blob holds steps between neighbours of a row. */
async function unpackErrors(id, size, step) {
  const bytes = await unpack(id);
  const errors = new Float32Array(size * size);
  for (let row = 0; row < size; row++) {
    let level = 0;
    for (let at = row * size; at < (row + 1) * size; at++) {
      level = (level + bytes[at]) & 255;
      errors[at] = level * step;
    }
  }
  return errors;
}

/** Where each residue of the page's arrays stands: chain and number. */
const RESIDUES = DATA.chains.flatMap((chain, order) =>
  Array.from(chain.sequence, (letter, i) => ({ chain: chain.name, order, number: i + 1, letter })),
);

function residueName(i) {
  const { chain, number, letter } = RESIDUES[i];
  return DATA.chains.length > 1 ? `${chain}:${letter}${number}` : `${letter}${number}`;
}

function rangeName([first, last]) {
  return first === last ? residueName(first) : `${residueName(first)}–${residueName(last)}`;
}
