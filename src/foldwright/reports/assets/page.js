// Puts the views on the page and the page's controls in their hands.

async function start() {
  const box = byId("structure");
  const view = new StructureView(box);
  connectControls(view);
  for (const picture of document.querySelectorAll("#plddt svg")) new Curve(picture);
  const map = byId("errors") && new ErrorMap(byId("errors"));
  const begun = [map?.paint().catch((fault) => map.giveUp(fault)), view.start().catch((fault) => view.giveUp(fault))];
  await Promise.all(begun);
  document.body.dataset.ready = "yes";
}

if (byId("structure")) start();
