// Colours come from the style sheet, which knows light, dark and the palette that was chosen.

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

const LIMITS = [90, 70, 50]; // pLDDT of the AlphaFold database's classes

/** 0 very high, 1 confident, 2 low, 3 very low. */
function confidenceClass(plddt) {
  const place = LIMITS.findIndex((limit) => plddt > limit);
  return place < 0 ? 3 : place;
}

function rgb(hex) {
  const value = parseInt(hex.replace("#", ""), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

/** A table of 256 colours between the stops of a ramp. */
function ramp(stops) {
  const points = stops.map(rgb);
  return Array.from({ length: 256 }, (_, i) => {
    const at = (i / 255) * (points.length - 1);
    const left = Math.min(Math.floor(at), points.length - 2);
    return points[left].map((value, c) => Math.round(value + (points[left + 1][c] - value) * (at - left)));
  });
}

/** The same as pixels of an image, in the order of bytes that this machine has. */
function packedRamp(stops) {
  return new Uint32Array(Uint8Array.from(ramp(stops).flatMap((shade) => [...shade, 255])).buffer);
}

function hexOf([r, g, b]) {
  return `#${((1 << 24) | (r << 16) | (g << 8) | b).toString(16).slice(1)}`;
}
