// SPDX-License-Identifier: GPL-2.0
/*
 * The index: folio head pfn -> slot.
 *
 * A folio can be neither split nor freed while it is pinned, so its head pfn
 * is a stable key. All changes go through a cursor, which keeps a shard locked
 * while it stays in a block of 64 neighbours and no longer.
 */
#include <linux/mm.h>
#include <linux/xarray.h>

#include "gup_pin.h"

/*
 * An xa_node is there from its first entry to its last. xas_store() reports
 * each change of a node's count, so while entries are only added a count of 1
 * is a new node, and while they are only removed a count of 0 is a freed one.
 */
static struct gup_pin_shard *node_shard(struct xa_node *node)
{
	return container_of(node->array, struct gup_pin_shard, xa);
}

static void count_new_node(struct xa_node *node)
{
	if (node->count == 1)
		node_shard(node)->nodes++;
}

static void count_freed_node(struct xa_node *node)
{
	if (!node->count)
		node_shard(node)->nodes--;
}

void gup_pin_index_init(struct gup_pin_index *index)
{
	unsigned int i;

	for (i = 0; i < GUP_PIN_NR_SHARDS; i++)
		xa_init_flags(&index->shards[i].xa, XA_FLAGS_LOCK_IRQ);
}

/**
 * gup_pin_cursor_add_init() - begin to add pins
 * @cur: the cursor
 * @index: the index
 * @gfp: how memory may be allocated: blocking or not
 */
void gup_pin_cursor_add_init(struct gup_pin_cursor *cur,
			     struct gup_pin_index *index, gfp_t gfp)
{
	*cur = (struct gup_pin_cursor) { .index = index, .gfp = gfp };
}

/**
 * gup_pin_cursor_release_init() - begin to release pins
 * @cur: the cursor
 * @index: the index
 */
void gup_pin_cursor_release_init(struct gup_pin_cursor *cur,
				 struct gup_pin_index *index)
{
	*cur = (struct gup_pin_cursor) { .index = index };
}

/*
 * A cursor keeps its shard locked from one call to the next, which sparse
 * cannot follow: it is told that each call leaves the lock as it was.
 */
static void cursor_unlock(struct gup_pin_cursor *cur)
{
	if (cur->shard) {
		__acquire(&cur->shard->xa.xa_lock);
		xa_unlock_irqrestore(&cur->shard->xa, cur->irqflags);
	}
	cur->shard = NULL;
}

/**
 * gup_pin_cursor_pause() - hold no lock until the next folio
 * @cur: the cursor
 */
void gup_pin_cursor_pause(struct gup_pin_cursor *cur)
{
	cursor_unlock(cur);
}

/**
 * gup_pin_cursor_leave() - hold no lock if the next folio wants another one
 * @cur: the cursor
 * @pfn: of a page of that folio
 */
void gup_pin_cursor_leave(struct gup_pin_cursor *cur, unsigned long pfn)
{
	if (cur->block != pfn >> GUP_PIN_BLOCK_SHIFT)
		cursor_unlock(cur);
}

/* Lock the shard of a pfn, if it is not, and stand at the pfn. */
static struct gup_pin_shard *cursor_seek(struct gup_pin_cursor *cur,
					 unsigned long pfn)
{
	unsigned long block = pfn >> GUP_PIN_BLOCK_SHIFT;

	if (!cur->shard || cur->block != block) {
		void *node = cur->xas.xa_alloc;

		cursor_unlock(cur);
		cur->block = block;
		cur->shard = gup_pin_shard_of(cur->index, pfn);
		cur->xas = (struct xa_state)__XA_STATE(&cur->shard->xa, 0, 0, 0);
		cur->xas.xa_alloc = node;
		xa_lock_irqsave(&cur->shard->xa, cur->irqflags);
		__release(&cur->shard->xa.xa_lock);
	}
	xas_set(&cur->xas, gup_pin_key(pfn));
	return cur->shard;
}

/**
 * gup_pin_cursor_end() - end adding or releasing
 * @cur: the cursor
 */
void gup_pin_cursor_end(struct gup_pin_cursor *cur)
{
	cursor_unlock(cur);
	gup_pin_drop_now(&cur->drops);
	gup_pin_set_free(cur->set);
	gup_pin_chunk_free(cur->chunk);
	if (cur->xas.xa_alloc)
		xas_destroy(&cur->xas);
}

/* What try_add() wants more memory for. */
enum add_result {
	ADD_DONE,
	ADD_OFF,
	ADD_NO_SET,
	ADD_NO_CHUNK,
	ADD_NO_NODE,
};

static enum add_result try_add(struct gup_pin_cursor *cur, unsigned long pfn,
			       struct gup_pin_call *call, unsigned int pins)
{
	struct gup_pin_shard *shard = cursor_seek(cur, pfn);
	void *old, *new;

	/*
	 * Checked under the lock: gup_pin_index_flush() takes it after it has
	 * cleared this, so what is added is either not or flushed.
	 */
	if (!READ_ONCE(cur->index->recording))
		return ADD_OFF;

	old = xas_load(&cur->xas);
	new = gup_pin_slot_add(shard, old, call, pins, &cur->set, &cur->chunk);
	if (!new)
		return cur->set ? ADD_NO_CHUNK : ADD_NO_SET;
	if (new != old) {
		/* A node is also updated when a slot's kind of entry changes. */
		xas_set_update(&cur->xas, old ? NULL : count_new_node);
		xas_store(&cur->xas, new);
		if (xas_error(&cur->xas)) {
			/* Only where there was no slot: a set has just us. */
			if (xa_pointer_tag(new) == GUP_PIN_SLOT_SET) {
				gup_pin_set_free(xa_untag_pointer(new));
				shard->sets--;
			}
			return ADD_NO_NODE;
		}
	}
	if (!old)
		shard->folios++;
	shard->acquired += pins;
	return ADD_DONE;
}

/* Get what was missing, without a lock. */
static bool cursor_refill(struct gup_pin_cursor *cur, enum add_result missing)
{
	switch (missing) {
	case ADD_NO_SET:
		cur->set = gup_pin_set_alloc(cur->gfp);
		return cur->set;
	case ADD_NO_CHUNK:
		cur->chunk = gup_pin_chunk_alloc(cur->gfp);
		return cur->chunk;
	case ADD_NO_NODE:
		return xas_nomem(&cur->xas, cur->gfp);
	default:
		return false;
	}
}

/**
 * gup_pin_index_add() - record pins on a folio
 * @cur: the cursor
 * @pfn: of the folio's head
 * @call: the call that took the pins; its live count has them already
 * @pins: how many
 *
 * May sleep if the cursor's gfp may. The caller does not hold another cursor.
 *
 * Return: true if they were recorded; false if tracking is off or, counted as
 * untracked, if there was no memory. The caller then takes them off @call.
 */
bool gup_pin_index_add(struct gup_pin_cursor *cur, unsigned long pfn,
		       struct gup_pin_call *call, unsigned int pins)
{
	enum add_result result;

	for (;;) {
		result = try_add(cur, pfn, call, pins);
		if (result == ADD_DONE)
			return true;
		if (result == ADD_OFF)
			return false;
		cursor_unlock(cur);
		if (!cursor_refill(cur, result))
			break;
	}
	gup_pin_index_untracked(cur, pfn, pins);
	return false;
}

/**
 * gup_pin_index_untracked() - count pins that cannot be recorded
 * @cur: the cursor
 * @pfn: of the folio's head
 * @pins: how many
 */
void gup_pin_index_untracked(struct gup_pin_cursor *cur, unsigned long pfn,
			     unsigned int pins)
{
	struct gup_pin_shard *shard = cursor_seek(cur, pfn);

	if (!READ_ONCE(cur->index->recording))
		return;
	shard->untracked += pins;
	shard->untracked_total += pins;
}

/* Pins that have no record: not recorded for lack of memory, too old, or a bug. */
static void release_unrecorded(struct gup_pin_cursor *cur, unsigned int pins)
{
	struct gup_pin_shard *shard = cur->shard;
	unsigned int untracked = min_t(u64, pins, shard->untracked);

	shard->untracked -= untracked;
	pins -= untracked;
	if (READ_ONCE(cur->index->complete))
		shard->unmatched += pins;
	else
		shard->before += pins;
}

/*
 * Could the pins to be released have been taken without a record? Only worth
 * asking when there can be such pins at all; the folio's own count has all.
 */
static bool maybe_unrecorded(struct gup_pin_cursor *cur,
			     const struct folio *folio, unsigned int recorded)
{
	if (READ_ONCE(cur->index->complete) && !cur->shard->untracked)
		return false;
	return folio && gup_pin_folio_pins(folio) > recorded;
}

/**
 * gup_pin_index_release() - forget pins on a folio
 * @cur: the cursor
 * @pfn: of the folio's head
 * @folio: the folio, which still has the pins; NULL in tests
 * @pins: how many
 * @dirty: the caller says that it wrote to them
 *
 * Never allocates, never sleeps.
 */
void gup_pin_index_release(struct gup_pin_cursor *cur, unsigned long pfn,
			   const struct folio *folio, unsigned int pins,
			   bool dirty)
{
	struct gup_pin_shard *shard = cursor_seek(cur, pfn);
	unsigned int recorded, taken;
	struct gup_pin_set *set;
	bool guess;
	void *slot;

	if (!READ_ONCE(cur->index->recording))
		return;
	slot = xas_load(&cur->xas);
	if (!slot) {
		release_unrecorded(cur, pins);
		return;
	}

	recorded = gup_pin_slot_pins(slot);
	taken = min(pins, recorded);
	guess = (pins < recorded && gup_pin_slot_calls(slot) > 1) ||
		maybe_unrecorded(cur, folio, recorded);
	shard->released += taken;
	if (guess)
		shard->inferred += taken;

	if (taken == recorded) {
		xas_set_update(&cur->xas, count_freed_node);
		xas_store(&cur->xas, NULL);
		shard->folios--;
		gup_pin_slot_clear(shard, slot, &cur->drops);
		if (pins > taken)
			release_unrecorded(cur, pins - taken);
		return;
	}
	/* More than one pin, so a set. */
	set = xa_untag_pointer(slot);
	set->inferred |= guess;
	gup_pin_set_release(shard, set, taken, dirty, &cur->drops);
}

/**
 * gup_pin_index_newest() - find a pin that folio_add_pin() continues
 * @index: the index
 * @pfn: of the folio's head
 * @pid: of the task; its newest pin is meant, or if it has none the newest
 * @id: set to that pin's origin
 * @call: set to that pin's call
 *
 * Return: false if the folio has no recorded pin.
 */
bool gup_pin_index_newest(struct gup_pin_index *index, unsigned long pfn,
			  pid_t pid, struct gup_pin_id *id,
			  struct gup_pin_call *call)
{
	struct gup_pin_shard *shard = gup_pin_shard_of(index, pfn);
	const struct gup_pin_ref *ref;
	struct gup_pin_ref_iter iter;
	bool found = false, own = false;
	unsigned long flags;
	void *slot;

	xa_lock_irqsave(&shard->xa, flags);
	slot = xa_load(&shard->xa, gup_pin_key(pfn));
	for (ref = slot ? gup_pin_ref_first(&iter, slot, 0) : NULL; ref;
	     ref = gup_pin_ref_next(&iter)) {
		const struct gup_pin_origin *origin = ref->call->origin;

		if (own && origin->id.pid != pid)
			continue;
		own = origin->id.pid == pid;
		found = true;
		*id = origin->id;
		*call = *ref->call;
	}
	xa_unlock_irqrestore(&shard->xa, flags);
	return found;
}

/**
 * gup_pin_index_flush() - forget all pins
 * @index: the index; its recording is false already
 *
 * May sleep.
 */
void gup_pin_index_flush(struct gup_pin_index *index)
{
	unsigned int i;

	for (i = 0; i < GUP_PIN_NR_SHARDS; i++) {
		struct gup_pin_shard *shard = &index->shards[i];
		struct gup_pin_drops drops = {};
		unsigned int batch = 0;
		unsigned long flags;
		void *slot;

		XA_STATE(xas, &shard->xa, 0);

		xas_set_update(&xas, count_freed_node);
		xas_lock_irqsave(&xas, flags);
		xas_for_each(&xas, slot, ULONG_MAX) {
			shard->released += gup_pin_slot_pins(slot);
			shard->folios--;
			xas_store(&xas, NULL);
			gup_pin_slot_clear(shard, slot, &drops);
			if (++batch % GUP_PIN_BATCH)
				continue;
			xas_pause(&xas);
			xas_unlock_irqrestore(&xas, flags);
			cond_resched();
			xas_lock_irqsave(&xas, flags);
		}
		shard->untracked = 0;
		/* Where memory ran out, empty nodes may be left that were counted. */
		shard->nodes = 0;
		xas_unlock_irqrestore(&xas, flags);
		xa_destroy(&shard->xa);
		gup_pin_drop_now(&drops);
	}
}
