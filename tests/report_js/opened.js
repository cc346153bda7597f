// SPDX-License-Identifier: GPL-2.0

/** Open all that opens; what the page is made of then. */
async function opened() {
  const all = (selector) => [...document.querySelectorAll(selector)];
  for (const button of all('button.disclose[aria-expanded=false]')) {
    button.click();
  }
  for (const node of all('details')) {
    node.open = true;
  }
  await new Promise((done) => {
    setTimeout(done, 100);
  });
  return {
    elements: [...new Set(all('*').map((node) => node.localName))],
    scripts: document.scripts.length,
    listeners: all('*').filter((node) =>
      [...node.attributes].some((attribute) => attribute.name.startsWith('on')),
    ).length,
    text: document.body.innerText,
    title: document.title,
  };
}
