// SPDX-License-Identifier: LGPL-2.1-or-later
// Problems, worst first: findings, hazards, orphans, refusals, and pins without a record.

'use strict';

const SEVERITIES = ['danger', 'warning', 'note'];

// What may be lost, the worst first; problems are grouped under these headings.
const GROUPS = {
  data: 'Data of files may be wrong or lost',
  memory: 'Memory of others may be overwritten',
  unsure: 'Whether data of files was lost is not known',
  soon: 'Data of files may go wrong yet',
  hang: 'Tasks wait for pins',
  leak: 'Pins that may never be released',
  place: 'Memory that cannot be moved',
  record: 'Records and pins do not agree',
  asked: 'Long-term pins that the kernel refused',
  none: 'Counted, and nothing is lost as far as is known',
  unread: 'What could not be read',
};

// For each kind: how bad, what happened, and why it matters.
const HAZARDS = {
  writeback: [
    'danger',
    'Written to disk while pinned for write',
    'What the holder writes meanwhile may or may not be on the disk; what it writes afterwards is lost unless it dirties the page.',
  ],
  pin_under_writeback: [
    'danger',
    'Pinned for write while being written to disk',
    'What the holder writes meanwhile may or may not be on the disk.',
  ],
  truncate: [
    'danger',
    'Left its file while pinned',
    'The holder has memory of its own now: what it reads or writes is no longer the file’s.',
  ],
  unmatched_unpin: [
    'danger',
    'Unpinned without a recorded pin',
    'Unpinned twice, or pinned past the hooks: another holder’s pin, or the folio itself, may be gone before its time.',
  ],
  changed_under_writeback: [
    'danger',
    'Changed while being written to disk',
    'Sums of the content prove it: the disk may have old bytes, new ones, or a mixture.',
  ],
  dirtied_after_clean: [
    'danger',
    'Dirtied behind the file system’s back',
    'The folio was cleaned since it was pinned: file systems that free what a clean page needs have crashed or lost data.',
  ],
  dirty_read_pin: [
    'warning',
    'Pinned for read, but released as dirty',
    'The holder wrote to pages that it may have got without a write fault.',
  ],
  overdue: [
    'warning',
    'Short-term pins, not released',
    'Short-term pins should end with their I/O: a device hangs, or a pin was leaked or should be long-term.',
  ],
};
// What is at stake: its highest severity, why, and its group if not "none".
const STAKES = {
  data: ['danger', '', 'data'],
  memory: ['danger', '', 'memory'],
  hang: ['warning', 'A task waits for the pin to be released.', 'hang'],
  time: ['warning', '', 'leak'],
  guess: [
    'note',
    'Not reported: that the pin is for write, or of this part of the folio, is a guess.',
  ],
  rewrite: ['note', 'Not reported: the folio was dirty, and so was written once more.'],
  done: ['note', 'Not reported: the read that had pinned it had ended.'],
  wait: ['note', 'Not reported: it waited only a short time.'],
  read: ['note', 'Not reported: the holder only reads, and nothing is lost.'],
  nothing: ['note', 'Not reported: nothing was written.'],
  end: ['note', 'Not reported: the file itself had ended, so nothing that could be read was lost.'],
  unknown: [
    'warning',
    'The kernel has not kept how it left its file: the file may have ended, which harms no reader, or it was cut, and data is lost.',
    'unsure',
  ],
};
const FINDINGS = {
  writeback: [
    'danger',
    'Being written to disk while pinned for write',
    'At the time of the dump: what is written may be half of what the holder wrote.',
    'data',
  ],
  truncated: [
    'danger',
    'No longer in its file, but pinned',
    'The holder goes on with memory that is not the file’s any more.',
    'data',
  ],
  free: [
    'danger',
    'Freed, but pinned by the records',
    'A reference of a pin was dropped without an unpin: a device may write to memory of others.',
    'memory',
  ],
  dirty: [
    'warning',
    'Dirty, of a file, and pinned for write',
    'It will be written to disk while the holder may still change it.',
    'soon',
  ],
  too_few_pins: [
    'warning',
    'More pins on record than the folio has',
    'A pin was dropped by put_page(), or unpinned past the hooks.',
    'memory',
  ],
  no_folio: [
    'warning',
    'On record, but no folio',
    'The folio was split or freed while pinned.',
    'memory',
  ],
  unrecorded: [
    'warning',
    'More pins than are on record',
    'Pinned before tracking was on, past the hooks, or when no memory was left for a record.',
    'record',
  ],
  maybe_unrecorded: [
    'note',
    'So many references that they look like pins',
    'Folios without a pin count of their own: this may be chance.',
    'record',
  ],
};
const NO_OWNER = 'Only the kernel can unpin them now: a leak, or I/O that never ends.';
// Orphans, by what has ended.
const ORPHANS = {
  owner: ['warning', 'leak', 'Whose process has ended', NO_OWNER],
  both: ['warning', 'leak', 'Whose process has ended', NO_OWNER],
  unknown: ['warning', 'leak', 'Whose process, or task, has ended', NO_OWNER],
  task: [
    'note',
    'none',
    'Whose task has ended; its process has not, or is not known',
    'Mostly in order: the process can unpin them, or its end will. With owner 0 the driver has to.',
  ],
};
// Why a long-term pin was refused: what the program may do about it.
const REFUSALS = {
  file: 'For write, of a file whose file system must learn of each write: use anonymous memory, hugetlbfs or a memfd.',
  device: 'Memory of a device or of the kernel, which has no pages to pin.',
  dax: 'A file on DAX, whose truncation would have to wait.',
  secretmem: 'Memory that not even the kernel may read.',
  movable: 'Memory that would have to be moved first, which has failed: mostly it is pinned already.',
};
const STATS = {
  untracked: [
    'warning',
    'pins are not on record, for want of memory',
    'There is more pinned than this page shows.',
    'record',
  ],
  unmatched: [
    'note',
    'unpins had no recorded pin',
    'Pins from before tracking was on, or hazards above.',
    'record',
  ],
  reports_suppressed: [
    'note',
    'reports were not printed, by their limits',
    'Hazards are counted all the same.',
    'none',
  ],
};
const UNKNOWN = ['warning', 'Something that this page has no words for', ''];

// The most pfns named in one entry.
const MOST_PFNS = 8;

/** Merges things that only differ in their place. */
function groupBy(things, keyOf) {
  const groups = new Map();
  for (const thing of things) {
    const key = keyOf(thing);
    const group = groups.get(key);
    if (group) {
      group.push(thing);
    } else {
      groups.set(key, [thing]);
    }
  }
  return [...groups.values()];
}

function fileOf(thing) {
  if (isUnknown(thing.ino)) {
    return 'a file that could not be read';
  }
  if (thing.path) {
    return `${thing.path} (dev ${thing.dev})`;
  }
  return String(thing.ino) === '0' ? '' : `dev ${thing.dev} inode ${thing.ino}`;
}

/** The task and place of a pin, within a line. */
function pinnedBy(comm, frames) {
  return `pinned by ${comm} from ${viaOf((frames || []).map(functionOf))}`;
}

function somePfns(pfns) {
  const different = [...new Set(pfns)];
  const rest = different.length - MOST_PFNS;
  return different.slice(0, MOST_PFNS).join(' ') + (rest > 0 ? ` and ${count(rest)} more` : '');
}

/** What is at stake for a hazard or a finding: severity, why, and group. */
function stakeOf(thing) {
  return STAKES[thing.stake] || ['danger', '', 'data'];
}

/** The findings of a check, except those that harm nothing. */
function countFindings(findings) {
  return findings
    .filter((group) => !group.stake || stakeOf(group)[0] !== 'note')
    .reduce((sum, group) => sum + group.count, 0);
}

/** Findings come in groups that only differ in their place. */
function findingProblems(data) {
  return (data.findings || []).map((group) => {
    const [bad, what, why, usual] = FINDINGS[group.kind] || UNKNOWN;
    const [atMost, because, stake] = group.stake ? stakeOf(group) : [bad, '', usual || 'data'];
    const rest = group.count - group.pfns.length;
    const holders = (group.pins || []).map(
      (p) => `${p.comm} (${p.task}), ${p.api}, ${modeName(p)}, ${span(p.age_ms)}`,
    );
    return {
      severity: milder(bad, atMost),
      group: stake || 'none',
      number: group.count,
      title: what,
      where: [
        plural(group.count, 'folio'),
        fileOf(group),
        group.pins && group.pins.length
          ? pinnedBy(group.pins[0].comm, data.stacks[group.pins[0].stack])
          : '',
      ]
        .filter(Boolean)
        .join(', '),
      why: because || why,
      pairs: [
        ['Found by', `check: ${group.kind}${group.stake ? `, stake ${group.stake}` : ''}`],
        ['Folios', group.pfns.join(' ') + (rest > 0 ? ` and ${count(rest)} more` : '')],
        ['Pinned by', [...new Set(holders)].join('; ')],
        ['Memory', group.map ?? 'unknown'],
        ['File', fileOf(group)],
        ['Flags', group.flags.split('|').join(' ')],
        [
          'Pins',
          `${group.recorded} on record, ${group.exact ? '' : 'about '}${group.pinned} counted`,
        ],
        ['References', group.refcount],
      ],
      stacks: group.stacks.map((handle, i) => [
        group.stacks.length > 1 ? `Pin ${i + 1}` : 'Pin',
        data.stacks[handle],
      ]),
      query: group.count === 1 && group.recorded ? `pfn=${group.pfns[0]}` : fileQuery(group),
    };
  });
}

function fileQuery(thing) {
  return isUnknown(thing.ino) || String(thing.ino) === '0' ? '' : `dev=${thing.dev} ino=${thing.ino}`;
}

/** The milder of two severities. */
function milder(a, b) {
  return SEVERITIES.indexOf(a) > SEVERITIES.indexOf(b) ? a : b;
}

/** Hazards of equal kind, place and stake, on all files; each already counts equal ones. */
function groupHazards(hazards) {
  return groupBy(hazards, (h) => JSON.stringify([h.kind, h.func, h.pin.stack, h.stake]));
}

function hazardProblems(data) {
  return groupHazards(data.hazards || []).map((group) => {
    const last = group[group.length - 1];
    const [bad, what, why] = HAZARDS[last.kind] || UNKNOWN;
    const [atMost, because, stake] = stakeOf(last);
    const ages = group.flatMap((h) => [h.age_ms, h.last_ms]);
    const total = group.reduce((sum, h) => sum + h.count, 0);
    const files = [
      ...new Set(group.map((h) => fileOf({ ...h.pin, path: h.path })).filter(Boolean)),
    ];
    return {
      severity: milder(bad, atMost),
      group: stake || 'none',
      number: total,
      title: what,
      where: [
        plural(total, 'hazard'),
        files.slice(0, 2).join(', '),
        pinnedBy(last.pin.comm, last.pin.frames || data.stacks[last.pin.stack]),
      ]
        .filter(Boolean)
        .join(', '),
      why: because || why,
      pairs: [
        ['Kept as', `hazard ${last.kind} in ${last.func}, stake ${last.stake}`],
        ['Reports', group.reduce((sum, h) => sum + h.reported, 0)],
        [
          'When',
          total > 1
            ? `${span(largest(ages))} to ${span(smallest(ages))} before`
            : `${span(ages[0])} before`,
        ],
        ['Event by', `${last.comm} (${last.task})`],
        [
          'Pinned by',
          `${last.pin.comm} (${last.pin.task}), ${last.pin.api}, ${modeName(last.pin)}`,
        ],
        ['Held since', `${span(last.pin.age_ms)} before`],
        ['Folios', somePfns(group.map((h) => h.pin.pfn))],
        ['Files', files.slice(0, MOST_PFNS).join(', ')],
        ['Pages of the file', group.length === 1 ? last.indexes : ''],
      ],
      stacks: [
        ['Event', last.frames],
        ['Pin', last.pin.frames || data.stacks[last.pin.stack]],
      ],
      query: data.pins.origins.some((o) => o.stack === last.pin.stack)
        ? `stack=${last.pin.stack}`
        : '',
    };
  });
}

function modeName(words) {
  return `for ${words.mode === 'w' ? 'write' : 'read'}, ${words.term}`;
}

function orphanProblems(data) {
  const { pins } = data;
  const orphans = matching(pins, [(row) => pins.orphan[row] > 0]);
  const keyOf = (row) => `${pins.origin[row]} ${pins.orphan[row]}`;
  return groupBy([...orphans], keyOf).map((rows) => {
    const origin = pins.origins[pins.origin[rows[0]]];
    const gone = GONE[pins.orphan[rows[0]]];
    const [severity, group, title, why] = ORPHANS[gone];
    const total = rows.reduce((sum, row) => sum + pins.pins[row], 0);
    return {
      severity,
      group,
      number: total,
      title,
      where: `${plural(total, 'pin')}, ${pinnedBy(origin.comm, origin.frames)}`,
      why,
      pairs: [
        ['Taken by', `${origin.comm} (${origin.task}), ${origin.api}, ${modeName(origin)}`],
        ['Oldest', span(largest(rows.map((row) => pins.age_ms[row])))],
        ['Folios', somePfns(rows.slice(0, 1000).map((row) => hex(pins.pfn[row])))],
      ],
      stacks: [['Pin', origin.frames]],
      query: `stack=${origin.stack} gone=${gone}`,
    };
  });
}

/** Long-term pins in memory that should be movable: such pins should have migrated it. */
function movableProblems(physical) {
  return physical.zones
    .filter((zone) => zone.name === 'Movable' && zone.long)
    .map((zone) => ({
      severity: 'warning',
      group: 'place',
      number: zone.long,
      title: 'Long-term pins in ZONE_MOVABLE',
      where: plural(zone.long, 'page'),
      why: 'Memory there is to be movable, for hot-unplug and huge pages; a long-term pin should have moved it away first.',
      pairs: [
        ['Zone', `node ${zone.node}, ${zone.name}`],
        ['Held by', zone.holders.map((holder) => holder.text).join(', ')],
      ],
      stacks: [],
      query: `term=long pfn=${hex(zone.start)}-${hex(zone.end - 1)}`,
    }));
}

function statProblems(data) {
  return Object.entries(STATS)
    .filter(([name]) => data.stats && data.stats[name])
    .map(([name, [severity, what, why, group]]) => ({
      severity,
      group,
      number: data.stats[name],
      title: `${count(data.stats[name])} ${what}`,
      where: '',
      why,
      pairs: [['Figure', `${name} in stats`]],
      stacks: [],
      query: '',
    }));
}

/** Equal ones are already one record: of one origin, for one reason. */
function refusedProblems(data) {
  return (data.refused || []).map((refused) => ({
    severity: 'note',
    group: 'asked',
    number: refused.count,
    title: `Refused: ${isUnknown(refused.why) ? 'unknown reason' : refused.why}, ${refused.err}`,
    where: [
      plural(refused.count, 'call'),
      `by ${refused.comm} (${refused.task}) from ${viaOf(refused.frames.map(functionOf))}`,
      fileOf(refused),
    ]
      .filter(Boolean)
      .join(', '),
    why: REFUSALS[refused.why] || '',
    pairs: [
      ['Asked by', `${refused.comm} (${refused.task}), ${refused.api}, ${modeName(refused)}`],
      ['When', `${span(refused.oldest_ms)} to ${span(refused.newest_ms)} before`],
      ['Address', refused.addr],
      ['Page', Number(refused.pfn) ? refused.pfn : ''],
      ['File', fileOf(refused)],
    ],
    stacks: [['Call', refused.frames]],
    query: '',
  }));
}

function faultProblems(data) {
  return data.faults.map((fault) => ({
    severity: 'note',
    group: 'unread',
    number: fault.count,
    title: `Could not be read: ${fault.what}`,
    where: plural(fault.count, 'time'),
    why: 'There may be more than is shown here.',
    pairs: [
      ['Why', fault.why],
      ['First at', fault.first],
    ],
    stacks: [],
    query: '',
  }));
}

/** All problems, worst first, by what is at stake. */
function findProblems(data, physical) {
  const problems = [
    ...findingProblems(data),
    ...hazardProblems(data),
    ...orphanProblems(data),
    ...movableProblems(physical),
    ...statProblems(data),
    ...refusedProblems(data),
    ...faultProblems(data),
  ];
  const groups = Object.keys(GROUPS);
  const stake = (problem) => groups.indexOf(problem.group);
  const rank = (problem) => SEVERITIES.indexOf(problem.severity);
  return problems.sort(
    (a, b) => stake(a) - stake(b) || rank(a) - rank(b) || b.number - a.number,
  );
}

/** "2 dangers, 1 warning" */
function tally(problems) {
  return SEVERITIES.map((severity) => {
    const found = problems.filter((problem) => problem.severity === severity).length;
    return found ? plural(found, severity) : '';
  })
    .filter(Boolean)
    .join(', ');
}

function problemEntry(problem, show) {
  const summary = el(
    'summary',
    {},
    el('span', { class: `badge ${problem.severity}`, text: problem.severity }),
    ' ',
    el('span', { class: 'title', text: problem.title }),
    ' ',
    el('bdi', { class: 'muted', text: problem.where }),
  );
  const details = el('details', {}, summary);
  // Created when first opened: there may be thousands.
  const fill = () => {
    const stacks = problem.stacks.map(([name, frames]) =>
      el('div', {}, el('h3', { text: `${name}:` }), stackList(frames, `${name} stack`)),
    );
    details.append(
      el('p', { class: 'why', text: problem.why }),
      facts(problem.pairs),
      el('div', { class: 'stacks' }, ...stacks),
    );
    if (problem.query) {
      details.append(
        el('button', {
          type: 'button',
          text: 'Show its pins in the table',
          on: { click: () => show(problem.query) },
        }),
      );
    }
  };
  details.addEventListener('toggle', fill, { once: true });
  return el('li', { class: problem.severity }, details);
}

const PROBLEMS_SHOWN = 30;

function drawProblems(data, problems, show) {
  const parts = ['hazards that the kernel saw', 'pins of processes that have ended'];
  if (data.findings) {
    parts.push('a check of all struct pages');
  }
  if (data.refused) {
    parts.push('long-term pins that were refused');
  }
  const last = parts.pop();
  const looked = `Looked for: ${parts.join(', ')} and ${last}.`;
  byId('problems-about').textContent = problems.length
    ? `The worst first, by what is at stake. ${looked}`
    : `Nothing was found. ${looked}`;
  const list = byId('problems-list');
  list.hidden = problems.length === 0;
  const entry = (p) => problemEntry(p, show);
  for (const group of groupBy(problems, (p) => p.group)) {
    const part = el('ol', { class: 'problems' });
    list.append(el('h3', { text: GROUPS[group[0].group] }), part);
    appendSome(part, group, PROBLEMS_SHOWN, entry, 'summary', (more) => part.after(more));
  }
}
