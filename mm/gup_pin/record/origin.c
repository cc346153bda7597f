// SPDX-License-Identifier: GPL-2.0
/*
 * Origins: task, stack, mode and term of pins. Equal origins are interned as one object.
 */
#include <linux/jhash.h>
#include <linux/random.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "internal.h"

/* Size of the table above which unused origins are freed. */
#define ORIGINS_KEPT		1024

/* Buckets to sweep under one hold of the lock. */
#define ORIGINS_SWEEP		16

/* Time between sweeps. A sweep marks an unused origin, the next one frees it. */
#define SWEEP_INTERVAL		HZ

static u32 id_hash(const struct gup_pin_origins *origins, const struct gup_pin_id *id)
{
	BUILD_BUG_ON(sizeof(*id) % sizeof(u32));
	return jhash2((const u32 *)id, sizeof(*id) / sizeof(u32), origins->seed);
}

static struct hlist_head *bucket_of(struct gup_pin_origins *origins, u32 hash)
{
	return &origins->buckets[hash % ARRAY_SIZE(origins->buckets)];
}

/**
 * gup_pin_origin_raise_peak() - raise the peak of an origin
 * @origin: the origin
 * @pins: number of live pins of the origin, or of all origins with its stack
 *
 * Context: Any context. Takes no lock.
 */
void gup_pin_origin_raise_peak(struct gup_pin_origin *origin, s64 pins)
{
	s64 peak = atomic64_read(&origin->peak);

	while (pins > peak)
		if (atomic64_try_cmpxchg(&origin->peak, &peak, pins))
			break;
}

/**
 * gup_pin_origin_take() - add pins to an origin
 * @origin: the origin; found under RCU, or with live pins
 * @pins: number of pins
 *
 * Context: Any context. Takes no lock.
 *
 * Return: false if the origin is being freed.
 */
bool gup_pin_origin_take(struct gup_pin_origin *origin, u64 pins)
{
	return atomic64_add_return(pins, &origin->acquired) >= 0;
}

static struct gup_pin_origin *find_and_take(struct hlist_head *bucket, u32 hash,
					    const struct gup_pin_id *id, u64 pins)
{
	struct gup_pin_origin *origin;

	hlist_for_each_entry_rcu(origin, bucket, node) {
		if (origin->hash != hash || !gup_pin_id_equal(&origin->id, id) ||
		    !gup_pin_origin_take(origin, pins))
			continue;
		if (!READ_ONCE(origin->used))
			WRITE_ONCE(origin->used, true);
		return origin;
	}
	return NULL;
}

/*
 * Once ->acquired is GUP_PIN_ORIGIN_DEAD, no pins can be added. Only a holder of a pin
 * adds the origin to the stack cache, so no new cache entry can appear after the second
 * check. An origin that is in the cache is skipped by the first check: otherwise, a
 * concurrent pin would have to create a duplicate.
 */
static bool origin_kill(struct gup_pin_origin *origin)
{
	s64 released;

	if (atomic_read(&origin->cached))
		return false;
	/* If no more were taken than had been released before, all have been. */
	released = atomic64_read(&origin->released);
	if (atomic64_cmpxchg(&origin->acquired, released, GUP_PIN_ORIGIN_DEAD) != released)
		return false;
	if (!atomic_read(&origin->cached))
		return true;
	atomic64_set(&origin->acquired, released);
	return false;
}

static void origin_free(struct gup_pin_origins *origins, struct gup_pin_origin *origin)
{
	hlist_del_rcu(&origin->node);
	WRITE_ONCE(origins->count, origins->count - 1);
	gup_pin_uncount(GUP_PIN_ORIGINS);
	kfree_rcu(origin, rcu);
}

/*
 * Free the origins in the next few buckets that have no live pins and were not
 * used since the last sweep.
 */
static void sweep_some(struct gup_pin_origins *origins)
{
	struct gup_pin_origin *origin;
	struct hlist_node *next;
	unsigned int i;

	lockdep_assert_held(&origins->lock);
	for (i = 0; i < ORIGINS_SWEEP; i++) {
		struct hlist_head *bucket = &origins->buckets[origins->hand];

		origins->hand = (origins->hand + 1) % ARRAY_SIZE(origins->buckets);
		hlist_for_each_entry_safe(origin, next, bucket, node) {
			if (gup_pin_origin_live(origin))
				continue;
			if (READ_ONCE(origin->used))
				WRITE_ONCE(origin->used, false);
			else if (origin_kill(origin))
				origin_free(origins, origin);
		}
	}
}

/* Runs from a timer, so that unused origins are freed even if no new ones are created. */
static void sweep(struct work_struct *work)
{
	struct gup_pin_origins *origins =
		container_of(to_delayed_work(work), struct gup_pin_origins, sweep);
	unsigned long flags;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(origins->buckets); i += ORIGINS_SWEEP) {
		spin_lock_irqsave(&origins->lock, flags);
		sweep_some(origins);
		spin_unlock_irqrestore(&origins->lock, flags);
		cond_resched();
	}
	if (READ_ONCE(origins->count) > ORIGINS_KEPT)
		schedule_delayed_work(&origins->sweep, SWEEP_INTERVAL);
}

static void origin_insert(struct gup_pin_origins *origins, struct gup_pin_origin *new)
{
	lockdep_assert_held(&origins->lock);
	if (origins->count >= ORIGINS_KEPT) {
		sweep_some(origins);
		schedule_delayed_work(&origins->sweep, SWEEP_INTERVAL);
	}
	hlist_add_head_rcu(&new->node, bucket_of(origins, new->hash));
	WRITE_ONCE(origins->count, origins->count + 1);
}

/**
 * gup_pin_origin_get() - get the origin of a call that is about to be recorded
 * @origins: the table
 * @id: the identity; every byte counts, including padding
 * @pins: number of pins of the call
 * @gfp: flags for an allocation
 *
 * Context: May sleep if @gfp allows it.
 *
 * Return: the origin, charged with @pins; NULL if it is new and there is no memory.
 */
struct gup_pin_origin *gup_pin_origin_get(struct gup_pin_origins *origins,
					  const struct gup_pin_id *id, u64 pins,
					  gfp_t gfp)
{
	u32 hash = id_hash(origins, id);
	struct hlist_head *bucket = bucket_of(origins, hash);
	struct gup_pin_origin *origin, *new;
	unsigned long flags;

	rcu_read_lock();
	origin = find_and_take(bucket, hash, id, pins);
	rcu_read_unlock();
	if (origin)
		return origin;

	new = gup_pin_alloc(GUP_PIN_ORIGINS, gfp);
	if (!new)
		return NULL;
	memset(new, 0, sizeof(*new));
	new->id = *id;
	new->hash = hash;
	new->used = true;
	atomic64_set(&new->acquired, pins);

	spin_lock_irqsave(&origins->lock, flags);
	origin = find_and_take(bucket, hash, id, pins);
	if (!origin)
		origin_insert(origins, new);
	spin_unlock_irqrestore(&origins->lock, flags);
	if (origin)
		gup_pin_free(GUP_PIN_ORIGINS, new);
	return origin ?: new;
}

/**
 * gup_pin_origin_live() - number of live pins of an origin
 * @origin: the origin
 *
 * Return: number of live pins; 0 if the origin is being freed.
 */
u64 gup_pin_origin_live(struct gup_pin_origin *origin)
{
	/*
	 * In this order: a reader must not see a pin released that it
	 * did not see acquired.
	 */
	s64 released = atomic64_read_acquire(&origin->released);
	s64 acquired = atomic64_read(&origin->acquired);

	return max(acquired - released, 0LL);
}

/**
 * gup_pin_origin_peak() - highest number of live pins of an origin
 * @origin: the origin
 *
 * Return: number of pins, at least the number of live pins.
 */
u64 gup_pin_origin_peak(struct gup_pin_origin *origin)
{
	gup_pin_origin_raise_peak(origin, gup_pin_origin_live(origin));
	return atomic64_read(&origin->peak);
}

/**
 * gup_pin_origin_acquired() - number of pins ever taken
 * @origin: the origin
 *
 * Return: number of pins taken since the origin was created.
 */
u64 gup_pin_origin_acquired(struct gup_pin_origin *origin)
{
	return max(atomic64_read(&origin->acquired), 0LL);
}

/**
 * gup_pin_origins_live() - number of origins with live pins
 * @origins: the table
 *
 * Return: number of origins.
 */
unsigned int gup_pin_origins_live(struct gup_pin_origins *origins)
{
	struct gup_pin_origin *origin;
	unsigned int i, live = 0;

	rcu_read_lock();
	for (i = 0; i < ARRAY_SIZE(origins->buckets); i++)
		hlist_for_each_entry_rcu(origin, &origins->buckets[i], node)
			live += gup_pin_origin_live(origin) > 0;
	rcu_read_unlock();
	return live;
}

/**
 * gup_pin_origins_unreported() - allow overdue pins to be reported again
 * @origins: the table
 */
void gup_pin_origins_unreported(struct gup_pin_origins *origins)
{
	struct gup_pin_origin *origin;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < ARRAY_SIZE(origins->buckets); i++)
		hlist_for_each_entry_rcu(origin, &origins->buckets[i], node) {
			WRITE_ONCE(origin->reported, false);
			WRITE_ONCE(origin->counted, false);
		}
	rcu_read_unlock();
}

/**
 * gup_pin_origins_unload() - keep the names of code in stacks, and forget it as a site
 * @origins: the table
 * @code: the code
 *
 * Context: Process context. May sleep. The caller serialises calls.
 */
void gup_pin_origins_unload(struct gup_pin_origins *origins,
			    const struct gup_pin_code *code)
{
	struct gup_pin_origin *origin;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(origins->buckets); i++) {
		rcu_read_lock();
		hlist_for_each_entry_rcu(origin, &origins->buckets[i], node) {
			gup_pin_unloaded_note_stack(code, origin->id.stack);
			if (gup_pin_in_code(code, READ_ONCE(origin->site)))
				WRITE_ONCE(origin->site, 0);
		}
		rcu_read_unlock();
		cond_resched();
	}
}

/* Under RCU. Takes no pin, so that the lookup does not affect the counters. */
static struct gup_pin_origin *look_up(struct gup_pin_origins *origins,
				      const struct gup_pin_id *id)
{
	struct gup_pin_origin *origin;
	u32 hash = id_hash(origins, id);

	/* An origin that is being freed may already have a duplicate in the table. */
	hlist_for_each_entry_rcu(origin, bucket_of(origins, hash), node)
		if (origin->hash == hash && gup_pin_id_equal(&origin->id, id) &&
		    atomic64_read(&origin->acquired) >= 0)
			return origin;
	return NULL;
}

/**
 * gup_pin_origin_to_report() - is an unreported origin in the table?
 * @origins: the table
 * @id: identity of the origin
 *
 * Return: true if so.
 */
bool gup_pin_origin_to_report(struct gup_pin_origins *origins,
			      const struct gup_pin_id *id)
{
	const struct gup_pin_origin *origin;
	bool to_report;

	rcu_read_lock();
	origin = look_up(origins, id);
	to_report = origin && !READ_ONCE(origin->reported);
	rcu_read_unlock();
	return to_report;
}

/**
 * gup_pin_origin_report_once() - mark an origin as reported
 * @origins: the table
 * @id: identity of the origin
 * @again: set to true if it was marked, and then gup_pin_origin_report_later() was called
 *
 * Callers must serialise.
 *
 * Return: true if the origin is in the table and was not marked before.
 */
bool gup_pin_origin_report_once(struct gup_pin_origins *origins,
				const struct gup_pin_id *id, bool *again)
{
	struct gup_pin_origin *origin;
	bool first = false;

	rcu_read_lock();
	origin = look_up(origins, id);
	if (origin) {
		first = !READ_ONCE(origin->reported);
		*again = READ_ONCE(origin->counted);
		WRITE_ONCE(origin->reported, true);
		WRITE_ONCE(origin->counted, true);
	}
	rcu_read_unlock();
	return first;
}

/**
 * gup_pin_origin_report_later() - an origin that was marked could not be reported
 * @origins: the table
 * @id: identity of the origin
 */
void gup_pin_origin_report_later(struct gup_pin_origins *origins,
				 const struct gup_pin_id *id)
{
	struct gup_pin_origin *origin;

	rcu_read_lock();
	origin = look_up(origins, id);
	if (origin)
		WRITE_ONCE(origin->reported, false);
	rcu_read_unlock();
}

/**
 * gup_pin_origins_destroy() - free all origins
 * @origins: the table; no longer in use, and without live pins
 *
 * Context: Process context. May sleep.
 */
void gup_pin_origins_destroy(struct gup_pin_origins *origins)
{
	struct gup_pin_origin *origin;
	struct hlist_node *next;
	unsigned int i;

	cancel_delayed_work_sync(&origins->sweep);
	for (i = 0; i < ARRAY_SIZE(origins->buckets); i++)
		hlist_for_each_entry_safe(origin, next, &origins->buckets[i], node) {
			WARN_ON_ONCE(gup_pin_origin_live(origin));
			origin_free(origins, origin);
		}
}

/**
 * gup_pin_origins_init() - initialise a table
 * @origins: the table
 */
void gup_pin_origins_init(struct gup_pin_origins *origins)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(origins->buckets); i++)
		INIT_HLIST_HEAD(&origins->buckets[i]);
	spin_lock_init(&origins->lock);
	origins->count = 0;
	origins->hand = 0;
	origins->seed = get_random_u32();
	INIT_DELAYED_WORK(&origins->sweep, sweep);
}
