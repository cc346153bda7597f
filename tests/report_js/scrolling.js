// SPDX-License-Identifier: GPL-2.0

/** By table: how much wider it is than its place, and the text of the hint before that. */
async function scrolling() {
  await new Promise((done) => {
    requestAnimationFrame(() => requestAnimationFrame(done));
  });
  const found = {};
  for (const scroll of document.querySelectorAll('.scroll')) {
    const hint = scroll.previousElementSibling;
    found[scroll.firstElementChild.id] = {
      wider: scroll.scrollWidth - scroll.clientWidth,
      hint: hint.checkVisibility() && hint.className === 'hint' ? hint.innerText : '',
    };
  }
  return found;
}
