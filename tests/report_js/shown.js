// SPDX-License-Identifier: GPL-2.0

/** Which of these selectors find something that is shown. */
function shown(...selectors) {
  return selectors.filter((selector) => document.querySelector(selector).checkVisibility());
}
