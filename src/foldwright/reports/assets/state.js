// What is looked at just now. Every view listens; none of them knows another.

class State extends EventTarget {
  model = 0;
  hover = null; // {row, column}: residues under the pointer; one alone has row === column
  selection = null; // {rows: [first, last], columns: [first, last]}, both inclusive
  colouring = "plddt";
  map = "errors"; // or "contacts"
  errors = []; // by model, opened when first shown
  contacts = [];

  set(changes) {
    Object.assign(this, changes);
    for (const name of Object.keys(changes)) this.dispatchEvent(new Event(name));
  }

  on(names, listener) {
    for (const name of names.split(" ")) this.addEventListener(name, listener);
  }
}

const state = new State();

function isWithin(i, range) {
  return range !== null && i >= range[0] && i <= range[1];
}
