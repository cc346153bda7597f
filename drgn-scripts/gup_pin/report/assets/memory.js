// SPDX-License-Identifier: LGPL-2.1-or-later
// Physical memory by zone and memory block: the memory that pins keep in place, and their holders.

'use strict';

// Without memory blocks, memory is shown in parts of this many bytes.
const PART_BYTES = 128 << 20;
const CELLS = 384;
const BLOCKS_SHOWN = 25;
const RANGES_SHOWN = 100;
const HOLDERS_SHOWN = 3;

/** A place for which pages are counted. */
function place(base, start, end) {
  return { ...base, start, end, pinned: 0, long: 0, runs: 0, of: new Map() };
}

/** Pinned pages of each zone and block. Pages with several pins count once. */
function surveyMemory(data) {
  const memory = data.memory || {};
  const pageSize = memory.page_size || 4096;
  const zones = (memory.zones || [])
    .filter((zone) => zone.pages)
    .map((zone) => place(zone, Number(zone.first), Number(zone.first) + zone.pages));
  const real = Boolean(memory.block_pages && (memory.blocks || []).length);
  const size = real ? memory.block_pages : PART_BYTES / pageSize;
  const blocks = new Map();
  if (real) {
    for (const block of memory.blocks) {
      const start = Number(block.first);
      blocks.set(Math.floor(start / size), place(block, start, start + block.pages));
    }
  } else {
    for (const zone of zones) {
      for (let i = Math.floor(zone.start / size); i * size < zone.end; i += 1) {
        blocks.set(i, place({ id: i, online: true }, i * size, (i + 1) * size));
      }
    }
  }
  const atLeast = data.pins.pages.some(Number.isNaN);
  const physical = { pageSize, real, size, zones, blocks, atLeast, outside: 0, pinned: 0, long: 0 };
  addPins(data.pins, physical);
  for (const where of [...zones, ...blocks.values()]) {
    where.holders = holdersOf(data.pins, where.of);
    where.of = null;
  }
  return physical;
}

function addPins(pins, physical) {
  const { blocks, zones, size } = physical;
  // The end of the pages that were counted already.
  let anyEnd = 0;
  let longEnd = 0;
  for (const row of pins.byPfn()) {
    const start = pins.pfn[row];
    const end = start + pins.leastPages(row);
    const isLong = pins.origins[pins.origin[row]].term === 'long';
    const from = Math.max(start, anyEnd);
    const longFrom = isLong ? Math.max(start, longEnd) : end;
    const add = (where) => {
      const overlap = (first) =>
        Math.max(0, Math.min(end, where.end) - Math.max(first, where.start));
      if (!overlap(start)) {
        return 0;
      }
      where.pinned += overlap(from);
      where.long += overlap(longFrom);
      where.runs += 1;
      where.of.set(pins.origin[row], (where.of.get(pins.origin[row]) || 0) + overlap(start));
      return overlap(from);
    };
    zones.forEach(add);
    let inside = 0;
    for (let i = Math.floor(start / size); blocks.size && i * size < end; i += 1) {
      const block = blocks.get(i);
      inside += block ? add(block) : 0;
    }
    const fresh = Math.max(0, end - from);
    physical.outside += fresh - inside;
    physical.pinned += fresh;
    physical.long += Math.max(0, end - longFrom);
    anyEnd = Math.max(anyEnd, end);
    longEnd = isLong ? Math.max(longEnd, end) : longEnd;
  }
}

/** The holders of pages, the most first: long-term holders before all others. */
function holdersOf(pins, of) {
  const holders = new Map();
  for (const [number, pages] of of) {
    const origin = pins.origins[number];
    const key = `${origin.comm} ${origin.task} ${origin.term} ${origin.via}`;
    const holder = holders.get(key) || {
      text: `${taskName(origin)} by ${origin.via}`,
      long: origin.term === 'long',
      pages: 0,
    };
    holder.pages += pages;
    holders.set(key, holder);
  }
  return [...holders.values()].sort((a, b) => b.long - a.long || b.pages - a.pages);
}

/** The possible actions on a block: a class, a letter for it, and words. */
function verdictOf(block) {
  if (!block.online) {
    return ['off', '×', 'offline'];
  }
  if (block.long) {
    return ['keeps', 'L', 'cannot be offlined'];
  }
  return block.pinned ? ['waits', 's', 'not while these pins last'] : ['free', '', 'no pins'];
}

const WORSE = ['free', 'off', 'waits', 'keeps'];

function blockName(block) {
  return `block ${block.id}`;
}

/** A picture of a zone, a cell for each block, or for several of a large one. */
function zoneStrip(zone, physical, show) {
  const { size, blocks } = physical;
  const first = Math.floor(zone.start / size);
  const number = Math.ceil(zone.end / size) - first;
  const each = Math.max(1, Math.ceil(number / CELLS));
  const strip = el('div', { class: 'strip', 'aria-hidden': 'true' });
  for (let i = 0; i < number; i += each) {
    const parts = [];
    for (let j = i; j < Math.min(i + each, number); j += 1) {
      if (blocks.has(first + j)) {
        parts.push(blocks.get(first + j));
      }
    }
    if (parts.length === 0) {
      strip.append(el('span', { class: 'cell hole', title: 'no memory' }));
      continue;
    }
    const [worst] = [...parts].sort(
      (a, b) => WORSE.indexOf(verdictOf(b)[0]) - WORSE.indexOf(verdictOf(a)[0]),
    );
    const [kind, letter, words] = verdictOf(worst);
    const names =
      parts.length > 1
        ? `blocks ${parts[0].id} to ${parts[parts.length - 1].id}`
        : blockName(parts[0]);
    const pinned = parts.reduce((sum, block) => sum + block.pinned, 0);
    const cell = el('span', {
      class: `cell ${kind}`,
      text: letter,
      title: `${names}: ${words}, ${plural(pinned, 'page')} pinned`,
    });
    if (pinned) {
      const query = `pfn=${hex(parts[0].start)}-${hex(parts[parts.length - 1].end - 1)}`;
      cell.addEventListener('click', () => show(query));
    }
    strip.append(cell);
  }
  return strip;
}

function zonesOf(block, physical) {
  const names = physical.zones
    .filter((zone) => zone.start < block.end && zone.end > block.start)
    .map((zone) => zone.name);
  return [...new Set(names)].join(', ') || 'none';
}

/** The pinned ranges of a block; adjacent ones of one call path are merged. */
function rangesOf(block, data) {
  const { pins } = data;
  const ranges = [];
  for (const row of pins.byPfn()) {
    const start = Math.max(pins.pfn[row], block.start);
    const end = Math.min(pins.pfn[row] + pins.leastPages(row), block.end);
    if (start >= end) {
      continue;
    }
    const origin = pins.origins[pins.origin[row]];
    const last = ranges[ranges.length - 1];
    if (last && last.origin === origin && last.end >= start) {
      last.end = Math.max(last.end, end);
      last.oldest = largest([last.oldest, pins.age_ms[row]]);
    } else {
      ranges.push({ start, end, origin, oldest: pins.age_ms[row] });
    }
  }
  return ranges;
}

function blockDetail(block, data, physical, show) {
  const ranges = rangesOf(block, data);
  const list = el('ul', { class: 'ranges' });
  for (const range of ranges.slice(0, RANGES_SHOWN)) {
    const { origin } = range;
    list.append(
      el(
        'li',
        {},
        el('code', { text: `${hex(range.start)}-${hex(range.end - 1)}` }),
        ` ${bytes((range.end - range.start) * physical.pageSize)}, ${origin.term}, ${span(range.oldest)}, `,
        el('bdi', { text: `${taskName(origin)} by ${origin.via}` }),
      ),
    );
  }
  const rest = ranges.length - RANGES_SHOWN;
  return el(
    'div',
    {},
    el('p', {
      text: `${plural(ranges.length, 'pinned range')} by pfn${rest > 0 ? `; ${count(rest)} more are in the table` : ''}:`,
    }),
    list,
    el('button', {
      type: 'button',
      text: 'Show these pins in the table',
      on: { click: () => show(`pfn=${hex(block.start)}-${hex(block.end - 1)}`) },
    }),
  );
}

const BLOCK_HEADINGS = [
  'Block',
  'Physical addresses',
  'Zone',
  '#Pinned',
  '#Long-term',
  'Offline?',
  'Because of',
];

function blockRow(block, data, physical, show) {
  const address = (pfn) => hex(BigInt(pfn) * BigInt(physical.pageSize));
  const last = BigInt(block.end) * BigInt(physical.pageSize) - 1n;
  const [kind, letter, words] = verdictOf(block);
  const holders = block.holders.slice(0, HOLDERS_SHOWN).map((holder) => holder.text);
  const rest = block.holders.length - HOLDERS_SHOWN;
  const fill = () => blockDetail(block, data, physical, show);
  return el(
    'tr',
    {},
    el(
      'th',
      { scope: 'row' },
      rowDisclosure(String(block.id), 'pinned ranges', BLOCK_HEADINGS.length, fill),
    ),
    el('td', {}, el('code', { text: `${address(block.start)}-${hex(last)}` })),
    el('td', { text: zonesOf(block, physical) }),
    el('td', { class: 'number', text: bytes(block.pinned * physical.pageSize) }),
    el('td', { class: 'number', text: bytes(block.long * physical.pageSize) }),
    el(
      'td',
      { class: 'verdict' },
      el('span', { class: `cell ${kind}`, 'aria-hidden': 'true', text: letter }),
      ` ${words}`,
    ),
    el(
      'td',
      {},
      el('bdi', { text: holders.join('; ') }),
      rest > 0 ? ` and ${plural(rest, 'other')}` : null,
    ),
  );
}

function drawMemory(data, physical, show) {
  const { zones, blocks, pageSize, real } = physical;
  const pinned = [...blocks.values()].filter((block) => block.pinned);
  const kept = pinned.filter((block) => block.online && block.long);
  const size = bytes(physical.size * pageSize);
  const parts = [];
  if (data.source === 'copies') {
    parts.push(
      'Copies of debugfs’ files do not say where zones and memory blocks lie; a report by drgn does.',
    );
  } else if (zones.length === 0) {
    parts.push('The zones could not be read.');
  } else if (real) {
    parts.push(
      `${plural(kept.length, 'memory block')} of ${count(blocks.size)}, of ${size} each, cannot be offlined because of long-term pins; ${count(pinned.length - kept.length)} more not while short-term pins last. What else may keep a block, such as the kernel’s own memory, is not looked at.`,
    );
  } else {
    parts.push(`The kernel has no memory blocks: memory is shown in parts of ${size}.`);
  }
  if (physical.atLeast) {
    parts.push('Of some folios the size could not be read: they count as one page each.');
  }
  if (physical.outside && blocks.size) {
    parts.push(
      `${plural(physical.outside, 'pinned page')} lie elsewhere, such as in a device’s memory.`,
    );
  }
  if (zones.length && !pinned.length) {
    parts.push(emptyWords(data));
  }
  byId('memory-about').textContent = parts.join(' ');
  byId('memory-legend').hidden = zones.length === 0;
  for (const zone of zones) {
    byId('memory-zones').append(
      el(
        'div',
        { class: 'zone' },
        el('h3', { text: `Node ${zone.node}, zone ${zone.name}` }),
        el('p', {
          text: `${bytes((zone.present || zone.pages) * pageSize)}; pinned ${bytes(zone.pinned * pageSize)}, of that by long-term pins ${bytes(zone.long * pageSize)}.`,
        }),
        zoneStrip(zone, physical, show),
      ),
    );
  }
  drawBlocks(pinned, data, physical, show);
}

function drawBlocks(pinned, data, physical, show) {
  const table = byId('memory-table');
  table.closest('.scroll').hidden = pinned.length === 0;
  table.tHead.append(headings(BLOCK_HEADINGS));
  pinned.sort((a, b) => b.long - a.long || b.pinned - a.pinned);
  const row = (block) => blockRow(block, data, physical, show);
  appendSome(table.tBodies[0], pinned, BLOCKS_SHOWN, row, 'button', (more) =>
    byId('memory-more').append(more),
  );
}
