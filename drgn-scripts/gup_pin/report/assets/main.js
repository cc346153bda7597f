// SPDX-License-Identifier: LGPL-2.1-or-later
// Assembles the page: its summary, and then each part.

'use strict';

/** A problem within a sentence. */
function firstWords({ title, where }) {
  return title[0].toLowerCase() + title.slice(1) + (where ? ` (${where})` : '');
}

function drawSummary(data, physical, problems) {
  const { pins } = data;
  const total = pins.pins.reduce((sum, n) => sum + n, 0);
  const oldest = largest(pins.age_ms);
  const kept = [...physical.blocks.values()].filter((block) => block.online && block.long).length;
  const worst = problems.length ? problems[0].severity : 'fine';
  byId('verdict').className = `verdict ${worst}`;
  byId('verdict').append(
    el('span', { class: `badge ${worst}`, text: worst === 'fine' ? 'nothing wrong' : worst }),
    ' ',
    problems.length
      ? `${tally(problems)}${problems.length > 1 ? '. First' : ''}: ${firstWords(problems[0])}.`
      : `No hazard, no orphan${data.findings ? ', no finding of the check' : ''}.`,
  );
  if ((data.tracking || {}).enabled === false) {
    byId('verdict').append(
      el('br'),
      el('span', { class: 'badge note', text: 'tracking is off' }),
      ' Nothing is recorded: what is pinned now is not seen.',
    );
  }
  if (!data.complete) {
    byId('verdict').append(
      el('br'),
      el('span', { class: 'badge note', text: 'partial' }),
      ' Not all of the memory could be read: there may be more than is shown here.',
    );
  }
  // Copies of debugfs' files do not contain the page size.
  const amount = (pages) =>
    data.memory ? bytes(pages * physical.pageSize) : plural(pages, 'page');
  const size = (pages) => `${physical.atLeast ? 'at least ' : ''}${amount(pages)}`;
  const tracking = data.tracking || {};
  byId('figures').append(
    ...[
      ['Live pins', count(total)],
      ['Memory pinned', size(physical.pinned)],
      ['Pinned long-term', size(physical.long)],
      ['Places that pin', count(new Set(pins.origins.map((origin) => origin.stack)).size)],
      ['Oldest pin', oldestName(pins, oldest)],
      ['Hazards on record', count((data.hazards || []).length)],
      [
        'Findings of the check',
        data.findings
          ? count(countFindings(data.findings))
          : 'not checked',
      ],
      [
        'Blocks that cannot be offlined',
        physical.real ? `${count(kept)} of ${count(physical.blocks.size)}` : 'unknown',
      ],
      ['Tracking', trackingWords(tracking)],
    ]
      .filter(([, value]) => value)
      .map(([term, value]) => el('div', {}, el('dt', { text: term }), el('dd', { text: value }))),
  );
}

function oldestName(pins, oldest) {
  if (!pins.length) {
    return 'none';
  }
  return Number.isNaN(oldest) ? 'unknown' : span(oldest);
}

function trackingWords(tracking) {
  if (tracking.enabled === undefined) {
    return '';
  }
  if (!tracking.enabled) {
    return 'off';
  }
  return tracking.since_boot ? 'on since boot' : 'on';
}

function sourceWords(data) {
  if (data.source === 'copies') {
    return 'while it ran, from the files in /sys/kernel/debug/gup_pin';
  }
  return data.live ? 'while it ran' : 'from a crash dump';
}

/** Adds a hint that an overflowing element scrolls. */
function hintAtWidth(scroll) {
  const hint = el('p', {
    class: 'hint',
    'aria-hidden': 'true',
    text: 'Wider than the screen: scroll sideways →',
  });
  scroll.before(hint);
  const check = () => {
    hint.hidden = scroll.hidden || scroll.scrollWidth <= scroll.clientWidth;
  };
  const observer = new ResizeObserver(check);
  observer.observe(scroll);
  observer.observe(scroll.firstElementChild);
  check();
}

function main() {
  const data = readData();
  const physical = surveyMemory(data);
  const problems = findProblems(data, physical);
  byId('subtitle').textContent = visible(
    `Linux ${data.kernel ?? '(release unknown)'}, ${sourceWords(data)}`,
  );
  const table = new Table(data);
  const show = (query) => table.show(query);
  drawSummary(data, physical, problems);
  drawProblems(data, problems, show);
  drawTimeline(data);
  drawOrigins(data, show, (label, test) => table.showScope(label, test));
  drawAges(data, show);
  drawMemory(data, physical, show);
  document.querySelectorAll('.scroll').forEach(hintAtWidth);
}

main();
