// SPDX-License-Identifier: LGPL-2.1-or-later
// The recorded hazards, each at its last time, on a time line that ends with the dump, and in words.

'use strict';

const EVENTS_SHOWN = 20;
const PLACES_SHOWN = 20;
const TICKS = [10, 100, 1e3, 1e4, 6e4, 6e5, 36e5, 216e5, 864e5, 6048e5];

/** Position of a time before the end: 0 the oldest, 1 now; the scale is logarithmic. */
function timeScale(oldest) {
  const least = 10;
  const top = Math.log(Math.max(oldest, least * 10) / least);
  return (age) => 1 - Math.min(1, Math.max(0, Math.log(Math.max(age, least) / least) / top));
}

/** A lane for each kind, a mark for each hazard. The list below has the same content. */
function timeChart(hazards) {
  const oldest = largest(hazards.map((h) => h.last_ms));
  const scale = timeScale(oldest);
  const kinds = [...new Set(hazards.map((h) => h.kind))];
  const chart = el('div', {
    class: 'lanes',
    role: 'img',
    'aria-label': `${plural(hazards.length, 'hazard')} on a logarithmic time line, the oldest ${span(oldest)} before the end. They are listed below.`,
  });
  for (const kind of kinds) {
    const lane = el('div', { class: 'lane' });
    for (const hazard of hazards.filter((h) => h.kind === kind)) {
      const mark = el('span', {
        class: 'mark',
        title: `${kind}, ${span(hazard.last_ms)} before, ${hazard.comm}`,
      });
      mark.style.setProperty('--at', scale(hazard.last_ms));
      lane.append(mark);
    }
    chart.append(el('div', { class: 'lane-name', text: kind }), lane);
  }
  const axis = el('div', { class: 'axis' });
  // The oldest too, if it fits.
  const ticks = TICKS.filter((t) => t === TICKS[0] || t <= oldest);
  if (scale(ticks[ticks.length - 1]) > 0.12) {
    ticks.push(Math.max(oldest, 100));
  }
  for (const tick of ticks) {
    const mark = el('span', {
      class: 'tick',
      text: tick === TICKS[0] ? 'the end' : `−${span(tick)}`,
    });
    mark.style.setProperty('--at', scale(tick));
    axis.append(mark);
  }
  chart.append(el('div', { class: 'lane-name' }), axis);
  return chart;
}

/** The places of equal hazards, if there are several: files, and how often and when. */
function placesOf(group) {
  const places = group.map(
    (h) =>
      `${fileOf({ ...h.pin, path: h.path }) || h.pin.pfn}: ${plural(h.count, 'time')}, the last ${span(h.last_ms)} before the end`,
  );
  const rest = places.length - PLACES_SHOWN;
  return el(
    'ul',
    {},
    ...places.slice(0, PLACES_SHOWN).map((place) => el('li', {}, el('bdi', { text: place }))),
    rest > 0 ? el('li', { text: `and ${count(rest)} more` }) : null,
  );
}

/** An entry of equal hazards; the first one is the latest. */
function eventEntry(group, data) {
  const [hazard] = group;
  const { pin } = hazard;
  const total = group.reduce((sum, h) => sum + h.count, 0);
  const files = new Set(group.map((h) => h.path || h.pin.ino)).size;
  const [, what] = HAZARDS[hazard.kind] || UNKNOWN;
  const details = el(
    'details',
    {},
    el(
      'summary',
      {},
      el('span', { class: 'when', text: isUnknown(hazard.last_ms) ? '?' : `−${span(hazard.last_ms)}` }),
      ' ',
      el('span', { class: 'title', text: hazard.kind }),
      ` in `,
      el('bdi', {}, el('code', { text: hazard.func })),
      ' ',
      el('bdi', {
        class: 'muted',
        text: [
          `${total > 1 ? `× ${count(total)} ` : ''}by ${hazard.comm}`,
          `pinned by ${pin.comm}`,
          hazard.path,
          files > 1 ? `and ${plural(files - 1, 'other file')}` : '',
        ]
          .filter(Boolean)
          .join('; '),
      }),
    ),
  );
  details.addEventListener(
    'toggle',
    () => {
      details.append(
        el('p', { class: 'why', text: `${what}.` }),
        facts([
          [
            'How often',
            total > 1
              ? `${count(total)} times, the first ${span(largest(group.map((h) => h.age_ms)))} before the end`
              : 'once',
          ],
          ['On', group.length > 1 ? placesOf(group) : ''],
          ['At stake', hazard.stake],
          ['Event by', `${hazard.comm} (${hazard.task})`],
          [
            'Pinned by',
            `${pin.comm} (${pin.task}), ${pin.api}, ${modeName(pin)}, ${span(pin.age_ms)} before the end`,
          ],
          [
            'Folio',
            `${pin.pfn}, order ${pin.order}, ${pin.map}, ${plural(hazard.pins_on_folio, 'pin')} then`,
          ],
          ['File', fileOf({ ...pin, path: hazard.path })],
          ['Address', pin.addr ?? UNREAD],
        ]),
        el(
          'div',
          { class: 'stacks' },
          el('div', {}, el('h3', { text: 'Event:' }), stackList(hazard.frames, 'Event stack')),
          el(
            'div',
            {},
            el('h3', { text: 'Pin:' }),
            stackList(pin.frames || data.stacks[pin.stack], 'Pin stack'),
          ),
        ),
      );
    },
    { once: true },
  );
  return el('li', {}, details);
}

function drawTimeline(data) {
  const hazards = [...(data.hazards || [])].sort((a, b) => a.last_ms - b.last_ms);
  const counted = Object.entries(data.stats || {})
    .filter(([name]) => name.startsWith('hazard_'))
    .reduce((sum, [, value]) => sum + value, 0);
  const kept = hazards.reduce((sum, h) => sum + h.count, 0);
  const end = data.live ? 'now' : 'the time of the dump';
  if (hazards.length === 0) {
    byId('timeline-about').textContent = counted
      ? `The kernel counted ${plural(counted, 'hazard')}, but has none on record any more.`
      : 'The kernel saw no hazard.';
    byId('timeline-list').hidden = true;
    return;
  }
  byId('timeline-about').textContent =
    `The newest first, equal ones together; times are before ${end}.` +
    (counted > kept ? ` ${count(counted)} were counted, ${count(kept)} are on record.` : '');
  const timed = hazards.filter((h) => !isUnknown(h.last_ms));
  if (timed.length) {
    byId('timeline-chart').append(timeChart(timed));
  }
  const list = byId('timeline-list');
  const entry = (group) => eventEntry(group, data);
  const groups = groupHazards(hazards);
  appendSome(list, groups, EVENTS_SHOWN, entry, 'summary', (more) => list.after(more));
}
