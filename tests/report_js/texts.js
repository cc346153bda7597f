// SPDX-License-Identifier: GPL-2.0

/** The text of each element that a selector finds. */
function texts(selector) {
  return [...document.querySelectorAll(selector)].map((node) => node.innerText);
}
