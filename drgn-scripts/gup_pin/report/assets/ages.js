// SPDX-License-Identifier: LGPL-2.1-or-later
// How long pins have been held: a histogram with growing steps, as a table with bars.

'use strict';

// Start of each step, in ms.
const STEPS = [
  0, 1, 10, 100, 300, 1e3, 3e3, 1e4, 3e4, 6e4, 3e5, 6e5, 18e5, 36e5, 108e5, 216e5, 432e5, 864e5,
  6048e5, 2592e6,
];

function stepName(step) {
  if (step === null) {
    return 'unknown';
  }
  const from = STEPS[step];
  const to = STEPS[step + 1];
  if (to === undefined) {
    return `${span(from)} or more`;
  }
  return from ? `${span(from)} to ${span(to)}` : `less than ${span(to)}`;
}

/** Counters for pins of an age: by term, and by mode and term. */
function ageStep(step) {
  return { step, long: 0, short: 0, runs: 0, kinds: new Map() };
}

/** Pins by step; empty steps at both ends are left out. The last one may be for unknown ages. */
function countAges(pins) {
  const unknown = ageStep(null);
  const steps = STEPS.map((_, step) => ageStep(step));
  for (let row = 0; row < pins.length; row += 1) {
    const age = pins.age_ms[row];
    let place = unknown;
    if (!Number.isNaN(age)) {
      let step = STEPS.length - 1;
      while (STEPS[step] > age) {
        step -= 1;
      }
      place = steps[step];
    }
    const origin = pins.origins[pins.origin[row]];
    const kind = pinClass(origin);
    place[origin.term] += pins.pins[row];
    place.kinds.set(kind, (place.kinds.get(kind) || 0) + pins.pins[row]);
    place.runs += 1;
  }
  const used = steps.filter((s) => s.runs);
  const known = used.length ? steps.slice(used[0].step, used[used.length - 1].step + 1) : [];
  return unknown.runs ? [...known, unknown] : known;
}

function ageBar(step, most) {
  const bar = el('div', { class: 'bar', 'aria-hidden': 'true' });
  for (const kind of ['write-long', 'read-long', 'write-short', 'read-short']) {
    if (step.kinds.has(kind)) {
      const part = el('span', { class: kind });
      part.style.setProperty('--share', step.kinds.get(kind) / most);
      bar.append(part);
    }
  }
  return bar;
}

function ageQuery(step) {
  const to = STEPS[step.step + 1];
  const words = [];
  if (STEPS[step.step]) {
    words.push(`min_age_ms=${STEPS[step.step]}`);
  }
  if (to !== undefined) {
    words.push(`max_age_ms=${to - 1}`);
  }
  return words.join(' ');
}

function drawAges(data, show) {
  const steps = countAges(data.pins);
  const most = Math.max(1, ...steps.map((s) => s.long + s.short));
  const total = steps.reduce((sum, s) => sum + s.long + s.short, 0);
  const long = steps.reduce((sum, s) => sum + s.long, 0);
  const oldShort = steps.filter((s) => STEPS[s.step] >= 3e4).reduce((sum, s) => sum + s.short, 0);
  const unaged = steps.filter((s) => s.step === null).reduce((sum, s) => sum + s.long + s.short, 0);
  byId('ages-about').textContent = total
    ? `${plural(long, 'pin')} of ${count(total)} ${long === 1 ? 'is' : 'are'} long-term. ${
        oldShort
          ? `${plural(oldShort, 'short-term pin')} of 30 s or more, which I/O that works does not leave.`
          : unaged
            ? 'No short-term pin is known to be as old as 30 s.'
            : 'No short-term pin is as old as 30 s.'
      }${unaged ? ` The age of ${plural(unaged, 'pin')} could not be read.` : ''} Ages are of the call that pinned.`
    : emptyWords(data);
  const table = byId('ages-table');
  table.tHead.append(headings(['Age', '#Long-term', '#Short-term', '#Runs', 'Share', '']));
  table.tHead.rows[0].cells[3].classList.add('extra');
  // The buttons describe themselves.
  table.tHead.rows[0].lastElementChild.replaceWith(el('td', {}));
  table.closest('.scroll').hidden = total === 0;
  table.tBodies[0].append(
    ...steps.map((step) =>
      el(
        'tr',
        {},
        el('th', { scope: 'row', text: stepName(step.step) }),
        el('td', { class: 'number', text: count(step.long) }),
        el('td', { class: 'number', text: count(step.short) }),
        el('td', { class: 'number extra', text: count(step.runs) }),
        el(
          'td',
          { class: 'chart' },
          el('span', { class: 'unseen', text: percent((step.long + step.short) / (total || 1)) }),
          ageBar(step, most),
        ),
        el(
          'td',
          {},
          step.runs && step.step !== null
            ? el('button', {
                type: 'button',
                'aria-label': `Show pins of ${stepName(step.step)}`,
                text: 'Show',
                on: { click: () => show(ageQuery(step)) },
              })
            : null,
        ),
      ),
    ),
  );
}
