// SPDX-License-Identifier: GPL-2.0
/*
 * A slot of the index: the pins on one folio.
 *
 * Nearly always a folio has one pin, and the slot is the pointer to its call.
 * Only for more is there a set: an ordered list of (call, pins), which lives
 * until the folio has no pin left. It is not turned back into the plain
 * pointer, for a reader that stands in the middle of the folio knows its place
 * by the refs' sequence numbers.
 *
 * All under the lock of the folio's shard.
 */
#include <linux/slab.h>
#include <linux/string.h>

#include "gup_pin.h"

static struct kmem_cache *set_cache;
static struct kmem_cache *chunk_cache;

static struct gup_pin_set *slot_set(void *slot)
{
	if (xa_pointer_tag(slot) != GUP_PIN_SLOT_SET)
		return NULL;
	return xa_untag_pointer(slot);
}

struct gup_pin_set *gup_pin_set_alloc(gfp_t gfp)
{
	struct gup_pin_set *set = kmem_cache_alloc(set_cache, gfp);

	if (set) {
		memset(set, 0, sizeof(*set));
		set->refs.cap = GUP_PIN_SET_REFS;
		set->tail = &set->refs;
	}
	return set;
}

void gup_pin_set_free(struct gup_pin_set *set)
{
	if (set)
		kmem_cache_free(set_cache, set);
}

struct gup_pin_refs *gup_pin_chunk_alloc(gfp_t gfp)
{
	struct gup_pin_refs *chunk = kmem_cache_alloc(chunk_cache, gfp);

	if (chunk) {
		chunk->next = NULL;
		chunk->nr = 0;
		chunk->cap = GUP_PIN_CHUNK_REFS;
	}
	return chunk;
}

void gup_pin_chunk_free(struct gup_pin_refs *chunk)
{
	if (chunk)
		kmem_cache_free(chunk_cache, chunk);
}

static bool is_write(const struct gup_pin_call *call)
{
	return call->origin->id.mode == GUP_PIN_WRITE;
}

/* More pins by a ref that is in the set. */
static void set_count(struct gup_pin_set *set, const struct gup_pin_call *call,
		      unsigned int pins)
{
	set->pins += pins;
	if (is_write(call))
		set->writes += pins;
}

static void set_append(struct gup_pin_set *set, struct gup_pin_call *call,
		       unsigned int pins)
{
	struct gup_pin_refs *tail = set->tail;

	tail->ref[tail->nr++] = (struct gup_pin_ref) {
		.call = call,
		.pins = pins,
		.seq = set->next_seq++,
	};
	set->calls++;
	set_count(set, call, pins);
}

/* A call may meet a folio again: its pages need not be mapped in order. */
static struct gup_pin_ref *set_find_recent(struct gup_pin_set *set,
					   struct gup_pin_call *call)
{
	struct gup_pin_refs *tail = set->tail;
	u32 i;

	for (i = tail->nr; i--; )
		if (tail->ref[i].call == call)
			return &tail->ref[i];
	return NULL;
}

/**
 * gup_pin_slot_add() - put pins of a call into a slot
 * @shard: whose lock is held
 * @slot: the slot as it is, or NULL
 * @call: the call
 * @pins: how many
 * @set: memory for a set; becomes NULL when it was used
 * @chunk: memory for a chunk; likewise
 *
 * Return: the new slot; or NULL when @set (if it is NULL) or @chunk would have
 * been needed, and nothing has changed.
 */
void *gup_pin_slot_add(struct gup_pin_shard *shard, void *slot,
		       struct gup_pin_call *call, unsigned int pins,
		       struct gup_pin_set **set, struct gup_pin_refs **chunk)
{
	struct gup_pin_set *old = slot ? slot_set(slot) : NULL;
	struct gup_pin_ref *ref;

	if (!slot && pins == 1)
		return xa_tag_pointer(call, GUP_PIN_SLOT_CALL);

	if (!old) {
		struct gup_pin_set *new = *set;

		if (!new)
			return NULL;
		*set = NULL;
		shard->sets++;
		if (slot == call) {
			set_append(new, call, pins + 1);
		} else {
			if (slot)
				set_append(new, slot, 1);
			set_append(new, call, pins);
		}
		return xa_tag_pointer(new, GUP_PIN_SLOT_SET);
	}

	ref = set_find_recent(old, call);
	if (ref) {
		ref->pins += pins;
		set_count(old, call, pins);
		return slot;
	}
	if (old->tail->nr == old->tail->cap) {
		if (!*chunk)
			return NULL;
		old->tail->next = *chunk;
		old->tail = *chunk;
		*chunk = NULL;
		shard->chunks++;
	}
	set_append(old, call, pins);
	return slot;
}

/**
 * gup_pin_slot_pins() - recorded pins on a folio
 * @slot: its slot
 *
 * Return: their number.
 */
unsigned int gup_pin_slot_pins(void *slot)
{
	struct gup_pin_set *set = slot_set(slot);

	return set ? set->pins : 1;
}

/**
 * gup_pin_slot_calls() - calls that have pins on a folio
 * @slot: its slot
 *
 * Return: their number.
 */
unsigned int gup_pin_slot_calls(void *slot)
{
	struct gup_pin_set *set = slot_set(slot);

	return set ? set->calls : 1;
}

bool gup_pin_slot_inferred(void *slot)
{
	struct gup_pin_set *set = slot_set(slot);

	return set && set->inferred;
}

/**
 * gup_pin_ref_next() - go on to the next pins on a folio
 * @iter: where
 *
 * Return: the ref, or NULL after the last.
 */
const struct gup_pin_ref *gup_pin_ref_next(struct gup_pin_ref_iter *iter)
{
	while (iter->refs && iter->next == iter->refs->nr) {
		iter->refs = iter->refs->next;
		iter->next = 0;
	}
	return iter->refs ? &iter->refs->ref[iter->next++] : NULL;
}

/**
 * gup_pin_ref_first() - find pins on a folio
 * @iter: filled in
 * @slot: the folio's slot
 * @seq: where to start: 0, or one more than that of the last ref that was met
 *
 * Return: the first ref whose sequence number is @seq or more, or NULL.
 */
const struct gup_pin_ref *gup_pin_ref_first(struct gup_pin_ref_iter *iter,
					    void *slot, u64 seq)
{
	struct gup_pin_set *set = slot_set(slot);
	const struct gup_pin_refs *refs;

	iter->refs = NULL;
	iter->next = 0;
	if (!set) {
		if (seq)
			return NULL;
		iter->direct = (struct gup_pin_ref) { .call = slot, .pins = 1 };
		return &iter->direct;
	}
	for (refs = &set->refs; refs; refs = refs->next)
		if (refs->nr && refs->ref[refs->nr - 1].seq >= seq)
			break;
	if (!refs)
		return NULL;
	iter->refs = refs;
	while (refs->ref[iter->next].seq < seq)
		iter->next++;
	return gup_pin_ref_next(iter);
}

/**
 * gup_pin_drop_later() - remember pins to be taken off a call's live count
 * @drops: those remembered so far; of another call, they are taken off now
 * @call: the call
 * @pins: how many
 */
void gup_pin_drop_later(struct gup_pin_drops *drops, struct gup_pin_call *call,
			unsigned int pins)
{
	if (drops->call != call) {
		gup_pin_drop_now(drops);
		drops->call = call;
	}
	drops->pins += pins;
}

/**
 * gup_pin_drop_now() - take remembered pins off their call's live count
 * @drops: empty on return
 */
void gup_pin_drop_now(struct gup_pin_drops *drops)
{
	if (drops->call)
		gup_pin_call_drop(drops->call, drops->pins);
	drops->call = NULL;
	drops->pins = 0;
}

/**
 * gup_pin_slot_clear() - release all pins of a slot that is out of the index
 * @shard: whose lock is held
 * @slot: the slot; gone on return
 * @drops: where its calls' pins go
 */
void gup_pin_slot_clear(struct gup_pin_shard *shard, void *slot,
			struct gup_pin_drops *drops)
{
	struct gup_pin_set *set = slot_set(slot);
	struct gup_pin_refs *refs, *next;
	u32 i;

	if (!set) {
		gup_pin_drop_later(drops, slot, 1);
		return;
	}
	for (refs = &set->refs; refs; refs = next) {
		next = refs->next;
		for (i = 0; i < refs->nr; i++)
			gup_pin_drop_later(drops, refs->ref[i].call,
					   refs->ref[i].pins);
		if (refs != &set->refs) {
			gup_pin_chunk_free(refs);
			shard->chunks--;
		}
	}
	gup_pin_set_free(set);
	shard->sets--;
}

static unsigned int ref_release(struct gup_pin_set *set,
				struct gup_pin_ref *ref, unsigned int pins,
				struct gup_pin_drops *drops)
{
	unsigned int taken = min(pins, ref->pins);

	ref->pins -= taken;
	set->pins -= taken;
	if (is_write(ref->call))
		set->writes -= taken;
	gup_pin_drop_later(drops, ref->call, taken);
	return taken;
}

static void refs_remove_empty(struct gup_pin_refs *refs)
{
	u32 i, left = 0;

	for (i = 0; i < refs->nr; i++)
		if (refs->ref[i].pins)
			refs->ref[left++] = refs->ref[i];
	refs->nr = left;
}

/* Release up to @pins, oldest first; with @writes, of write pins only. */
static unsigned int set_release_some(struct gup_pin_shard *shard,
				     struct gup_pin_set *set,
				     unsigned int pins, bool writes,
				     struct gup_pin_drops *drops)
{
	struct gup_pin_refs *refs = &set->refs, *prev = NULL;
	unsigned int left = pins;

	while (refs && left) {
		struct gup_pin_refs *next = refs->next;
		bool emptied = false;
		u32 i;

		for (i = 0; i < refs->nr && left; i++) {
			struct gup_pin_ref *ref = &refs->ref[i];

			if (writes && !is_write(ref->call))
				continue;
			left -= ref_release(set, ref, left, drops);
			if (!ref->pins) {
				set->calls--;
				emptied = true;
			}
		}
		if (emptied)
			refs_remove_empty(refs);
		if (!refs->nr && prev) {
			prev->next = next;
			if (set->tail == refs)
				set->tail = prev;
			gup_pin_chunk_free(refs);
			shard->chunks--;
		} else {
			prev = refs;
		}
		refs = next;
	}
	return pins - left;
}

/**
 * gup_pin_set_release() - release some, but not all, of a folio's pins
 * @shard: whose lock is held
 * @set: the set
 * @pins: how many; fewer than the set has
 * @dirty: the caller says that it wrote, so release write pins first
 * @drops: where the calls' pins go
 *
 * Which calls the pins belonged to is a guess when there is more than one. The
 * oldest are taken, as short-term pins on a folio mostly end in their order.
 */
void gup_pin_set_release(struct gup_pin_shard *shard, struct gup_pin_set *set,
			 unsigned int pins, bool dirty,
			 struct gup_pin_drops *drops)
{
	if (dirty && set->writes)
		pins -= set_release_some(shard, set, min(pins, set->writes),
					 true, drops);
	if (pins)
		set_release_some(shard, set, pins, false, drops);
}

size_t gup_pin_set_size(void)
{
	return kmem_cache_size(set_cache);
}

size_t gup_pin_chunk_size(void)
{
	return kmem_cache_size(chunk_cache);
}

int __init gup_pin_slot_init(void)
{
	struct gup_pin_set *set;
	struct gup_pin_refs *chunk;

	set_cache = kmem_cache_create("gup_pin_set",
				      struct_size(set, refs.ref, GUP_PIN_SET_REFS),
				      __alignof__(*set), 0, NULL);
	chunk_cache = kmem_cache_create("gup_pin_refs",
					struct_size(chunk, ref, GUP_PIN_CHUNK_REFS),
					__alignof__(*chunk), 0, NULL);
	return set_cache && chunk_cache ? 0 : -ENOMEM;
}
