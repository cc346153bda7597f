/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CONFIG_DEBUG_GUP_PIN, private to mm/gup_pin/.
 *
 * The data model, from the outside in:
 *
 *   gup_pin_root          the one global; crash-dump scripts start here
 *   gup_pin_index         folio head pfn -> slot, in GUP_PIN_NR_SHARDS xarrays
 *   slot                  an xarray entry: a call (one pin), or a pin set
 *   gup_pin_set           the pins on a folio that one pointer cannot tell
 *   gup_pin_call          one successful call of a pin function
 *   gup_pin_origin        who, where and how; shared by all equal calls
 *
 * drgn-scripts/ reads all of these: a change of their meaning is a new
 * GUP_PIN_FORMAT.
 */
#ifndef _MM_GUP_PIN_H
#define _MM_GUP_PIN_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/cache.h>
#include <linux/gfp_types.h>
#include <linux/gup_pin.h>
#include <linux/jump_label.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/stackdepot.h>
#include <linux/types.h>
#include <linux/xarray.h>

/* Of the structures below, for crash-dump scripts. */
#define GUP_PIN_FORMAT		1

/* Of the lines in debugfs: the number in `# gup_pin <file> N`. */
#define GUP_PIN_TEXT_FORMAT	1

/*
 * Two CPUs that pin different memory should rarely want the same lock, and the
 * 64 neighbours that share an xa_node must share it: a shard owns blocks of 64
 * pfns, dealt out in turn.
 */
#define GUP_PIN_BLOCK_SHIFT	XA_CHUNK_SHIFT
#define GUP_PIN_SHARD_BITS	8
#define GUP_PIN_NR_SHARDS	BIT(GUP_PIN_SHARD_BITS)

/* Frames of a pin's stack; deeper ones are cut at the far end. */
#define GUP_PIN_STACK_DEPTH	32

enum gup_pin_mode {
	GUP_PIN_READ,
	GUP_PIN_WRITE,
};

enum gup_pin_term {
	GUP_PIN_SHORT,
	GUP_PIN_LONG,
};

/* What kind of memory a folio is, as `map=` says. */
enum gup_pin_map {
	GUP_PIN_MAP_ANON,
	GUP_PIN_MAP_FILE,
	GUP_PIN_MAP_SHMEM,
	GUP_PIN_MAP_HUGETLB,
	GUP_PIN_MAP_DAX,
	GUP_PIN_MAP_DEVICE,
	NR_GUP_PIN_MAPS,
};

enum gup_pin_hazard {
	GUP_PIN_HAZARD_WRITEBACK,
	GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK,
	GUP_PIN_HAZARD_TRUNCATE,
	GUP_PIN_HAZARD_UNMATCHED_UNPIN,
	GUP_PIN_HAZARD_DIRTY_READ_PIN,
	NR_GUP_PIN_HAZARDS,
};

/**
 * struct gup_pin_id - what makes two calls come from the same origin
 * @stack: where: the pin function and its callers; 0 when it could not be kept
 * @mode: for read or for write
 * @term: short or long
 * @api: the pin function
 * @tgid: process of the pinning task, as the initial pid namespace sees it
 * @pid: the pinning task
 * @owner: tgid of the process whose memory was pinned, 0 when there is none
 * @comm: name of the pinning task
 */
struct gup_pin_id {
	depot_stack_handle_t stack;
	enum gup_pin_mode mode : 8;
	enum gup_pin_term term : 8;
	enum gup_pin_api api : 8;
	pid_t tgid;
	pid_t pid;
	pid_t owner;
	char comm[TASK_COMM_LEN];
};

/**
 * struct gup_pin_origin - an interned &struct gup_pin_id
 * @node: in &gup_pin_origins.buckets; RCU
 * @id: what it stands for; constant
 * @hash: of @id
 * @calls: live calls; GUP_PIN_ORIGIN_DEAD once it is being freed
 * @used: looked up since the last sweep for origins to free
 * @rcu: frees it
 *
 * Stays when its last call has gone, so that steady I/O from one place
 * allocates nothing, until a sweep wants the memory.
 */
struct gup_pin_origin {
	struct hlist_node node;
	struct gup_pin_id id;
	u32 hash;
	atomic_t calls;
	bool used;
	struct rcu_head rcu;
};

#define GUP_PIN_ORIGIN_DEAD	INT_MIN
#define GUP_PIN_ORIGIN_BITS	10

/**
 * struct gup_pin_origins - the table of all origins
 * @buckets: hash chains
 * @lock: held to add and to remove; look-ups are under RCU
 * @count: origins in the table, live or not
 * @hand: the bucket at which the next sweep goes on
 */
struct gup_pin_origins {
	struct hlist_head buckets[1 << GUP_PIN_ORIGIN_BITS];
	spinlock_t lock;	/* adding and removing */
	unsigned int count;
	unsigned int hand;
};

/**
 * struct gup_pin_call - one successful call of a pin function
 * @origin: who, where and how
 * @time: when, in ns of local_clock()
 * @addr: user address of its first page, 0 when unknown
 * @index: index in its mapping of its first page
 * @npages: pages asked for, including zero pages, which are not pinned
 * @linear: the pages' indexes count up as their addresses do, so that a
 *	folio's index tells its address
 * @live: recorded pins that were not released yet; the last one frees it
 *
 * Shared by all folios that the call pinned.
 */
struct gup_pin_call {
	struct gup_pin_origin *origin;
	u64 time;
	unsigned long addr;
	pgoff_t index;
	u32 npages : 31;
	u32 linear : 1;
	atomic_t live;
};

/**
 * struct gup_pin_ref - the pins of one call on one folio
 * @call: the call
 * @seq: counts up on this folio, so that a reader can resume after it
 * @pins: how many; never 0
 */
struct gup_pin_ref {
	struct gup_pin_call *call;
	u64 seq;
	u32 pins;
};

/**
 * struct gup_pin_refs - some refs, in the order of their seq
 * @next: those that came later
 * @nr: how many
 * @cap: how many there is room for
 * @ref: the refs
 */
struct gup_pin_refs {
	struct gup_pin_refs *next;
	u32 nr;
	u32 cap;
	struct gup_pin_ref ref[];
};

#define GUP_PIN_SET_REFS	2
#define GUP_PIN_CHUNK_REFS	20

/**
 * struct gup_pin_set - the pins on a folio
 * @pins: sum over all refs
 * @writes: those of them that are for write
 * @calls: number of refs
 * @next_seq: of the next ref
 * @tail: where the next ref goes
 * @inferred: an unpin on this folio had to be guessed
 * @refs: the first refs; must be last
 */
struct gup_pin_set {
	u32 pins;
	u32 writes;
	u32 calls;
	u64 next_seq;
	struct gup_pin_refs *tail;
	bool inferred;
	struct gup_pin_refs refs;
};

/*
 * An xarray entry is the pointer to a call that has one pin on the folio, or,
 * tagged, to a set. Tags 1 and 3 are what an xarray leaves to its users.
 */
#define GUP_PIN_SLOT_CALL	0
#define GUP_PIN_SLOT_SET	1

/**
 * struct gup_pin_shard - a part of the index, with its share of the figures
 * @xa: key -> slot; its lock guards everything here and all that slots point to
 * @acquired: pins recorded
 * @released: recorded pins that were forgotten
 * @inferred: pins released by a guess
 * @unmatched: pins released without a record, though all were recorded
 * @before: pins released without a record, after tracking was switched on late
 * @untracked: live pins that could not be recorded
 * @untracked_total: the same, including those since released
 * @folios: folios that have a slot
 * @nodes: xa_nodes in use
 * @sets: sets in use
 * @chunks: gup_pin_refs beyond the sets' own in use
 */
struct gup_pin_shard {
	struct xarray xa;
	u64 acquired;
	u64 released;
	u64 inferred;
	u64 unmatched;
	u64 before;
	u64 untracked;
	u64 untracked_total;
	u32 folios;
	u32 nodes;
	u32 sets;
	u32 chunks;
} ____cacheline_aligned_in_smp;

/**
 * struct gup_pin_index - folio head pfn -> slot
 * @shards: see gup_pin_shard_of() and gup_pin_key()
 * @recording: pins are recorded. Changed only while every hook is live, or a
 *	CPU that does not see the unpin hook yet could leave a record behind
 * @complete: recording since boot, so that no unrecorded pin can be released
 */
struct gup_pin_index {
	struct gup_pin_shard shards[GUP_PIN_NR_SHARDS];
	bool recording;
	bool complete;
};

/**
 * struct gup_pin_root - where crash-dump scripts start
 * @format: GUP_PIN_FORMAT
 * @shard_bits: GUP_PIN_SHARD_BITS
 * @block_shift: GUP_PIN_BLOCK_SHIFT
 * @live_calls: per CPU; only the sum means anything
 * @index: all live pins
 * @origins: all origins
 * @hazards: how often each hazard was met
 * @reports_suppressed: hazards that were counted but not printed
 * @api_names: name of each enum gup_pin_api
 * @switching: held while tracking is switched on or off
 */
struct gup_pin_root {
	u32 format;
	u32 shard_bits;
	u32 block_shift;
	long __percpu *live_calls;
	struct gup_pin_index index;
	struct gup_pin_origins origins;
	atomic64_t hazards[NR_GUP_PIN_HAZARDS];
	atomic64_t reports_suppressed;
	const char *const *api_names;
	struct mutex switching;	/* on or off */
};

extern struct gup_pin_root gup_pin_root;

static inline unsigned int gup_pin_shard_nr(unsigned long pfn)
{
	return (pfn >> GUP_PIN_BLOCK_SHIFT) & (GUP_PIN_NR_SHARDS - 1);
}

static inline struct gup_pin_shard *
gup_pin_shard_of(struct gup_pin_index *index, unsigned long pfn)
{
	return &index->shards[gup_pin_shard_nr(pfn)];
}

/* The shard's number is left out of the key, or its tree would be mostly holes. */
static inline unsigned long gup_pin_key(unsigned long pfn)
{
	unsigned long block = pfn >> GUP_PIN_BLOCK_SHIFT;

	return (block >> GUP_PIN_SHARD_BITS) << GUP_PIN_BLOCK_SHIFT |
	       (pfn & (BIT(GUP_PIN_BLOCK_SHIFT) - 1));
}

static inline unsigned long gup_pin_key_pfn(unsigned long key, unsigned int shard)
{
	unsigned long block = key >> GUP_PIN_BLOCK_SHIFT;

	return ((block << GUP_PIN_SHARD_BITS | shard) << GUP_PIN_BLOCK_SHIFT) |
	       (key & (BIT(GUP_PIN_BLOCK_SHIFT) - 1));
}

/* call.c */
int gup_pin_call_init(void);
struct gup_pin_call *gup_pin_call_alloc(gfp_t gfp);
void gup_pin_call_drop(struct gup_pin_call *call, unsigned int pins);
unsigned long gup_pin_call_addr(const struct gup_pin_call *call,
				pgoff_t folio_index);
unsigned long gup_pin_call_count(void);
size_t gup_pin_call_size(void);

/* origin.c */
int gup_pin_origin_init(void);
void gup_pin_origins_init(struct gup_pin_origins *origins);
struct gup_pin_origin *gup_pin_origin_get(struct gup_pin_origins *origins,
					  const struct gup_pin_id *id,
					  gfp_t gfp);
void gup_pin_origin_put(struct gup_pin_origin *origin);
unsigned int gup_pin_origins_live(struct gup_pin_origins *origins);
void gup_pin_origins_destroy(struct gup_pin_origins *origins);
size_t gup_pin_origin_size(void);

/* slot.c */

/**
 * struct gup_pin_ref_iter - a walk over the pins on one folio
 * @refs: where it is
 * @next: the ref in @refs to go on with
 * @direct: a ref made up for a slot that is a mere call
 */
struct gup_pin_ref_iter {
	const struct gup_pin_refs *refs;
	u32 next;
	struct gup_pin_ref direct;
};

int gup_pin_slot_init(void);
void *gup_pin_slot_add(struct gup_pin_shard *shard, void *slot,
		       struct gup_pin_call *call, unsigned int pins,
		       struct gup_pin_set **set, struct gup_pin_refs **chunk);
unsigned int gup_pin_slot_pins(void *slot);
unsigned int gup_pin_slot_calls(void *slot);
bool gup_pin_slot_inferred(void *slot);
const struct gup_pin_ref *gup_pin_ref_first(struct gup_pin_ref_iter *iter,
					    void *slot, u64 seq);
const struct gup_pin_ref *gup_pin_ref_next(struct gup_pin_ref_iter *iter);
struct gup_pin_set *gup_pin_set_alloc(gfp_t gfp);
struct gup_pin_refs *gup_pin_chunk_alloc(gfp_t gfp);
void gup_pin_set_free(struct gup_pin_set *set);
void gup_pin_chunk_free(struct gup_pin_refs *chunk);
size_t gup_pin_set_size(void);
size_t gup_pin_chunk_size(void);

/**
 * struct gup_pin_drops - pins of one call to be taken off its live count
 * @call: the call; NULL when there are none
 * @pins: how many
 *
 * A bulk unpin meets the same call on every folio: one atomic does for all.
 */
struct gup_pin_drops {
	struct gup_pin_call *call;
	unsigned int pins;
};

void gup_pin_drop_later(struct gup_pin_drops *drops, struct gup_pin_call *call,
			unsigned int pins);
void gup_pin_drop_now(struct gup_pin_drops *drops);
void gup_pin_slot_clear(struct gup_pin_shard *shard, void *slot,
			struct gup_pin_drops *drops);
void gup_pin_set_release(struct gup_pin_shard *shard, struct gup_pin_set *set,
			 unsigned int pins, bool dirty,
			 struct gup_pin_drops *drops);

/* index.c */

/**
 * struct gup_pin_cursor - a walk over folios that adds or removes their pins
 * @index: the index
 * @shard: the shard whose lock is held, or NULL
 * @irqflags: of that lock
 * @block: the block of 64 pfns that the lock was taken for
 * @gfp: how memory may be allocated while no lock is held
 * @xas: where in the shard
 * @set: allocated but not used yet
 * @chunk: allocated but not used yet
 * @drops: pins that were released
 */
struct gup_pin_cursor {
	struct gup_pin_index *index;
	struct gup_pin_shard *shard;
	unsigned long irqflags;
	unsigned long block;
	gfp_t gfp;
	struct xa_state xas;
	struct gup_pin_set *set;
	struct gup_pin_refs *chunk;
	struct gup_pin_drops drops;
};

void gup_pin_index_init(struct gup_pin_index *index);
void gup_pin_index_flush(struct gup_pin_index *index);
void gup_pin_cursor_add_init(struct gup_pin_cursor *cur,
			     struct gup_pin_index *index, gfp_t gfp);
void gup_pin_cursor_release_init(struct gup_pin_cursor *cur,
				 struct gup_pin_index *index);
void gup_pin_cursor_pause(struct gup_pin_cursor *cur);
void gup_pin_cursor_leave(struct gup_pin_cursor *cur, unsigned long pfn);
void gup_pin_cursor_end(struct gup_pin_cursor *cur);
bool gup_pin_index_add(struct gup_pin_cursor *cur, unsigned long pfn,
		       struct gup_pin_call *call, unsigned int pins);
void gup_pin_index_untracked(struct gup_pin_cursor *cur, unsigned long pfn,
			     unsigned int pins);
void gup_pin_index_release(struct gup_pin_cursor *cur, unsigned long pfn,
			   const struct folio *folio, unsigned int pins,
			   bool dirty);
bool gup_pin_index_newest(struct gup_pin_index *index, unsigned long pfn,
			  pid_t pid, struct gup_pin_id *id,
			  struct gup_pin_call *call);

/* folio.c */

/**
 * struct gup_pin_folio - what a line tells of a folio
 * @map: kind of memory
 * @order: of the folio; it has 1 << @order pages
 * @dev: of the file system; 0 for anonymous memory and files that are gone
 * @ino: inode number; 0 likewise
 * @index: of the folio in its file, in pages; 0 for anonymous memory
 */
struct gup_pin_folio {
	enum gup_pin_map map;
	unsigned int order;
	dev_t dev;
	u64 ino;
	pgoff_t index;
};

unsigned int gup_pin_folio_pins(const struct folio *folio);
void gup_pin_folio_describe(struct folio *folio, struct gup_pin_folio *desc);

/* walk.c */

/**
 * struct gup_pin_item - the pins of one call on one folio, as a walk found them
 * @pfn: of the folio's head
 * @call: tells calls apart; may be gone, not to be followed
 * @id: copy of the origin's
 * @time: of the call
 * @addr: user address of the first page that the call pinned in the folio, or 0
 * @pins: of the call on the folio
 * @inferred: an unpin on the folio had to be guessed
 * @folio_pins: recorded pins of all calls on the folio
 * @real_pins: the folio's own pin count, read while no record could go
 * @head: the pfn is a folio's head, as it must be
 * @folio: the folio's description
 */
struct gup_pin_item {
	unsigned long pfn;
	const struct gup_pin_call *call;
	struct gup_pin_id id;
	u64 time;
	unsigned long addr;
	unsigned int pins;
	bool inferred;
	bool head;
	unsigned int folio_pins;
	unsigned int real_pins;
	struct gup_pin_folio folio;
};

/**
 * struct gup_pin_pos - where a walk goes on
 * @pfn: the folio
 * @seq: the first ref on it that was not met yet
 */
struct gup_pin_pos {
	unsigned long pfn;
	u64 seq;
};

unsigned int gup_pin_walk(struct gup_pin_index *index, struct gup_pin_pos *pos,
			  struct gup_pin_item *items, unsigned int max);
unsigned int gup_pin_walk_folio(struct gup_pin_index *index,
				struct gup_pin_pos *pos,
				struct gup_pin_item *items, unsigned int max,
				bool *busy);

/* runs.c */

/**
 * struct gup_pin_run - neighbouring folios pinned by one call: one line
 * @first: the first folio
 * @pages: pages of all folios
 * @pins: pins of the call on all folios
 */
struct gup_pin_run {
	struct gup_pin_item first;
	unsigned long pages;
	unsigned long pins;
};

/* Folios that are pinned by more calls at once than this are split over lines. */
#define GUP_PIN_OPEN_RUNS	32
#define GUP_PIN_BATCH		64

/**
 * struct gup_pin_runs - makes runs of the items of a walk
 * @index: what is walked
 * @pos: how far
 * @items: found but not used yet: from @next to @nr
 * @open: runs that the next folio may continue, in the order of their start
 * @done: runs to be handed out: from @taken to @ready
 * @nr_open: how many are open
 */
struct gup_pin_runs {
	struct gup_pin_index *index;
	struct gup_pin_pos pos;
	unsigned int next;
	unsigned int nr;
	unsigned int nr_open;
	unsigned int taken;
	unsigned int ready;
	struct gup_pin_item items[GUP_PIN_BATCH];
	struct gup_pin_run open[GUP_PIN_OPEN_RUNS];
	struct gup_pin_run done[GUP_PIN_OPEN_RUNS];
};

void gup_pin_runs_init(struct gup_pin_runs *runs, struct gup_pin_index *index);
const struct gup_pin_run *gup_pin_runs_next(struct gup_pin_runs *runs);

/* format.c */

/* The longest line: every word at its widest, comm escaped to four times its size. */
#define GUP_PIN_LINE_MAX	512

extern const char *const gup_pin_api_names[NR_GUP_PIN_APIS];
int gup_pin_format_run(char *buf, size_t size, const struct gup_pin_run *run,
		       u64 now);
const char *gup_pin_mode_name(enum gup_pin_mode mode);
const char *gup_pin_term_name(enum gup_pin_term term);
u64 gup_pin_age_ms(u64 time, u64 now);

/* stats.c */

/**
 * struct gup_pin_totals - the figures of all shards
 *
 * The members are sums over those of &struct gup_pin_shard.
 */
struct gup_pin_totals {
	u64 acquired;
	u64 released;
	u64 inferred;
	u64 unmatched;
	u64 before;
	u64 untracked;
	u64 untracked_total;
	u64 folios;
	u64 nodes;
	u64 sets;
	u64 chunks;
};

void gup_pin_index_totals(struct gup_pin_index *index,
			  struct gup_pin_totals *totals);

/* The files in debugfs. */
extern const struct file_operations gup_pin_stacks_fops;
extern const struct file_operations gup_pin_stats_fops;
extern const struct file_operations gup_pin_verify_fops;

/* control.c */
bool gup_pin_ready(void);
int gup_pin_switch(bool on);

#endif /* _MM_GUP_PIN_H */
