// SPDX-License-Identifier: GPL-2.0

/** What has the focus: its name and state, and where it is. */
function focused() {
  const node = document.activeElement;
  const section = node.closest('section');
  return {
    id: node.id,
    section: section ? section.id : '',
    row: node.closest('#pins-table tbody') !== null,
    name: node.getAttribute('aria-label') || node.innerText || node.id,
    expanded: node.getAttribute('aria-expanded'),
    outline: getComputedStyle(node).outlineStyle,
  };
}
