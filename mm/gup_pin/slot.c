// SPDX-License-Identifier: GPL-2.0
/*
 * A slot: the pins on one folio that no layer of its block has.
 *
 * Mostly that is one pin, and the slot is the pointer to its call. Only for
 * more is there a set: an ordered list of (call, pins), which lives until all
 * of them are released. It is not turned back into the plain pointer, for a
 * reader that stands in the middle of the folio knows its place by the refs'
 * sequence numbers.
 *
 * All under the lock of the folio's shard.
 */
#include <linux/string.h>

#include "gup_pin.h"

static struct gup_pin_set *slot_set(void *slot)
{
	if (xa_pointer_tag(slot) != GUP_PIN_SLOT_SET)
		return NULL;
	return xa_untag_pointer(slot);
}

struct gup_pin_set *gup_pin_set_alloc(gfp_t gfp)
{
	struct gup_pin_set *set = gup_pin_alloc(GUP_PIN_SETS, gfp);

	if (set) {
		memset(set, 0, sizeof(*set));
		set->refs.cap = GUP_PIN_SET_REFS;
		set->tail = &set->refs;
	}
	return set;
}

struct gup_pin_refs *gup_pin_chunk_alloc(gfp_t gfp)
{
	struct gup_pin_refs *chunk = gup_pin_alloc(GUP_PIN_REFS, gfp);

	if (chunk) {
		chunk->next = NULL;
		chunk->nr = 0;
		chunk->cap = GUP_PIN_CHUNK_REFS;
	}
	return chunk;
}

/* More pins by a ref that is in the set. */
static void set_count(struct gup_pin_set *set, const struct gup_pin_call *call,
		      unsigned int pins)
{
	set->pins += pins;
	if (gup_pin_call_is_write(call))
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
 * @slot: the slot as it is, or NULL
 * @call: the call
 * @pins: how many
 * @set: memory for a set; becomes NULL when it was used
 * @chunk: memory for a chunk; likewise
 *
 * Return: the new slot; or NULL when @set (if it is NULL) or @chunk would have
 * been needed, and nothing has changed.
 */
void *gup_pin_slot_add(void *slot, struct gup_pin_call *call, unsigned int pins,
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

/**
 * gup_pin_slot_writes() - is one of a slot's pins for write?
 * @slot: the slot
 */
bool gup_pin_slot_writes(void *slot)
{
	struct gup_pin_set *set = slot_set(slot);

	return set ? set->writes : gup_pin_call_is_write(slot);
}

/**
 * gup_pin_slot_refs() - find refs in a set
 * @slot: the slot, which is a set
 * @seq: sequence number to start at
 * @next: set to the first of the returned refs that is @seq or more
 *
 * Return: the refs, or NULL if all come before @seq.
 */
const struct gup_pin_refs *gup_pin_slot_refs(void *slot, u64 seq, u32 *next)
{
	const struct gup_pin_refs *refs = &slot_set(slot)->refs;

	while (refs && (!refs->nr || refs->ref[refs->nr - 1].seq < seq))
		refs = refs->next;
	*next = 0;
	while (refs && refs->ref[*next].seq < seq)
		++*next;
	return refs;
}

/**
 * gup_pin_drop_now() - take remembered pins off their call's live count
 * @drops: empty on return
 */
void gup_pin_drop_now(struct gup_pin_drops *drops)
{
	if (drops->call) {
		if (unlikely(gup_pin_origin_tells(drops->call->origin)))
			gup_pin_origin_released(drops->call->origin,
						drops->site);
		gup_pin_call_drop(drops->call, drops->pins);
	}
	drops->call = NULL;
	drops->pins = 0;
	if (drops->origin)
		gup_pin_calls_gone(drops->origin, drops->own, drops->site);
	drops->origin = NULL;
	drops->own = 0;
}

/**
 * gup_pin_slot_clear() - release all pins of a slot that is out of the index
 * @slot: the slot; gone on return
 * @drops: where its calls' pins go
 */
void gup_pin_slot_clear(void *slot, struct gup_pin_drops *drops)
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
		if (refs != &set->refs)
			gup_pin_free(GUP_PIN_REFS, refs);
	}
	gup_pin_free(GUP_PIN_SETS, set);
}

static unsigned int ref_release(struct gup_pin_set *set,
				struct gup_pin_ref *ref, unsigned int pins,
				struct gup_pin_drops *drops)
{
	unsigned int taken = min(pins, ref->pins);

	ref->pins -= taken;
	set->pins -= taken;
	if (gup_pin_call_is_write(ref->call))
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

/* Which pins of a slot may be released. */
static bool may_release(const struct gup_pin_call *call,
			const struct gup_pin_want *want, u64 before)
{
	return call->time < before && gup_pin_wants(want, call);
}

/* Of the pins that fit best, all are for write if the hint says so. */
static bool writes_only(const struct gup_pin_want *want)
{
	return want->hint->dirty && !want->rank;
}

/* Release up to @pins, oldest first; returns what is left to do. */
static unsigned int set_release(struct gup_pin_set *set, unsigned int pins,
				const struct gup_pin_want *want, u64 before,
				struct gup_pin_drops *drops)
{
	struct gup_pin_refs *refs = &set->refs, *prev = NULL;

	while (refs && pins && (!writes_only(want) || set->writes)) {
		struct gup_pin_refs *next = refs->next;
		bool emptied = false;
		u32 i;

		for (i = 0; i < refs->nr && pins; i++) {
			struct gup_pin_ref *ref = &refs->ref[i];

			if (!may_release(ref->call, want, before))
				continue;
			pins -= ref_release(set, ref, pins, drops);
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
			gup_pin_free(GUP_PIN_REFS, refs);
		} else {
			prev = refs;
		}
		refs = next;
	}
	return pins;
}

/**
 * gup_pin_slot_release() - release some of a slot's pins, the oldest first
 * @slot: the slot
 * @pins: how many; on return how many could not be
 * @want: which of them
 * @before: only those of calls older than this, in ns of local_clock()
 * @drops: where the calls' pins go
 *
 * Return: the slot as it is then; NULL if no pin is left.
 */
void *gup_pin_slot_release(void *slot, unsigned int *pins,
			   const struct gup_pin_want *want, u64 before,
			   struct gup_pin_drops *drops)
{
	struct gup_pin_set *set = slot_set(slot);

	if (!set) {
		if (!*pins || !may_release(slot, want, before))
			return slot;
		--*pins;
		gup_pin_drop_later(drops, slot, 1);
		return NULL;
	}
	*pins = set_release(set, *pins, want, before, drops);
	if (set->pins)
		return slot;
	gup_pin_slot_clear(slot, drops);
	return NULL;
}
