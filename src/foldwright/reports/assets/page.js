// Puts the views on the page and the page's controls in their hands.

async function start() {
  const box = document.getElementById("structure");
  if (!box) return;
  const view = new StructureView(box);
  try {
    await view.start();
  } catch (fault) {
    box.textContent = `This browser cannot draw the structure (${fault.message}).`;
  }
  document.body.dataset.ready = "yes";
}

start();
