// SPDX-License-Identifier: GPL-2.0
/*
 * Origins: what pins, where and how. Equal ones are one object.
 */
#include <linux/jhash.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "internal.h"

/* Origins that may stay without a live pin. */
#define ORIGINS_KEPT		1024

/* Buckets that are swept under one hold of the lock. */
#define ORIGINS_SWEEP		16

/* How long origins beyond those may stay: a sweep that finds one unused takes it the next time. */
#define SWEEP_INTERVAL		HZ

static u32 id_hash(const struct gup_pin_id *id)
{
	BUILD_BUG_ON(sizeof(*id) % sizeof(u32));
	return jhash2((const u32 *)id, sizeof(*id) / sizeof(u32), 0);
}

static struct hlist_head *bucket_of(struct gup_pin_origins *origins, u32 hash)
{
	return &origins->buckets[hash % ARRAY_SIZE(origins->buckets)];
}

/**
 * gup_pin_origin_raise_peak() - there were so many live pins
 * @origin: the origin
 * @pins: that it had, or that all of its stack had
 *
 * Any context; takes no lock.
 */
void gup_pin_origin_raise_peak(struct gup_pin_origin *origin, s64 pins)
{
	s64 peak = atomic64_read(&origin->peak);

	while (pins > peak)
		if (atomic64_try_cmpxchg(&origin->peak, &peak, pins))
			break;
}

/**
 * gup_pin_origin_take() - an origin gets pins
 * @origin: the origin; under RCU, or with pins
 * @pins: how many
 *
 * Any context; takes no lock.
 *
 * Return: false if it is being freed.
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
 * From here on it gets no pins. Only what has a pin of it may put it into the stack cache,
 * so an entry that is not seen here is none that will be. One that is in the cache is not
 * even tried: what would take it meanwhile had to make another.
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

/* Free origins of a few buckets that had no pin since the last time. */
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

/* Origins go when their users have gone, whether or not new ones come. */
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
 * gup_pin_origin_get() - the origin of a call that is about to be recorded
 * @origins: the table
 * @id: what it stands for; every byte counts, padding too
 * @pins: of the call
 * @gfp: how memory may be allocated
 *
 * Return: the origin, with so many pins more, or NULL when it is new and there is no
 * memory for it.
 */
struct gup_pin_origin *gup_pin_origin_get(struct gup_pin_origins *origins,
					  const struct gup_pin_id *id, u64 pins,
					  gfp_t gfp)
{
	u32 hash = id_hash(id);
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
 * gup_pin_origin_live() - the live pins of an origin
 * @origin: the origin
 *
 * Return: their number, 0 for one that is being freed.
 */
u64 gup_pin_origin_live(struct gup_pin_origin *origin)
{
	/* In this order, so that no pin is seen to go that was not seen to come. */
	s64 released = atomic64_read_acquire(&origin->released);
	s64 acquired = atomic64_read(&origin->acquired);

	return max(acquired - released, 0LL);
}

/**
 * gup_pin_origin_peak() - the most live pins that an origin had
 * @origin: the origin
 *
 * Return: their number, those that it has now being looked at, too.
 */
u64 gup_pin_origin_peak(struct gup_pin_origin *origin)
{
	gup_pin_origin_raise_peak(origin, gup_pin_origin_live(origin));
	return atomic64_read(&origin->peak);
}

/**
 * gup_pin_origin_acquired() - the pins that an origin ever took
 * @origin: the origin
 *
 * Return: their number, since the origin is there.
 */
u64 gup_pin_origin_acquired(struct gup_pin_origin *origin)
{
	return max(atomic64_read(&origin->acquired), 0LL);
}

/**
 * gup_pin_origins_live() - how many origins have live pins
 * @origins: the table
 *
 * Return: their number.
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
 * gup_pin_origins_unreported() - what was reported as overdue may be so again
 * @origins: the table
 */
void gup_pin_origins_unreported(struct gup_pin_origins *origins)
{
	struct gup_pin_origin *origin;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < ARRAY_SIZE(origins->buckets); i++)
		hlist_for_each_entry_rcu(origin, &origins->buckets[i], node)
			WRITE_ONCE(origin->reported, false);
	rcu_read_unlock();
}

/* Under RCU. Takes no pin of the origin, so that looking shows nowhere. */
static struct gup_pin_origin *look_up(struct gup_pin_origins *origins,
				      const struct gup_pin_id *id)
{
	struct gup_pin_origin *origin;
	u32 hash = id_hash(id);

	/* One that is being freed may have its like in the table already. */
	hlist_for_each_entry_rcu(origin, bucket_of(origins, hash), node)
		if (origin->hash == hash && gup_pin_id_equal(&origin->id, id) &&
		    atomic64_read(&origin->acquired) >= 0)
			return origin;
	return NULL;
}

/**
 * gup_pin_origin_to_report() - is an origin in the table that was not reported?
 * @origins: the table
 * @id: what the origin stands for
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
 * gup_pin_origin_report_once() - is an origin to be reported?
 * @origins: the table
 * @id: what the origin stands for
 *
 * One looker at a time.
 *
 * Return: true once for each origin in the table.
 */
bool gup_pin_origin_report_once(struct gup_pin_origins *origins,
				const struct gup_pin_id *id)
{
	struct gup_pin_origin *origin;
	bool first = false;

	rcu_read_lock();
	origin = look_up(origins, id);
	if (origin) {
		first = !READ_ONCE(origin->reported);
		WRITE_ONCE(origin->reported, true);
	}
	rcu_read_unlock();
	return first;
}

/**
 * gup_pin_origins_destroy() - free all origins of a table
 * @origins: the table; nothing else uses it, and no origin has a live pin
 *
 * May sleep.
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
 * gup_pin_origins_init() - set a table up
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
	INIT_DELAYED_WORK(&origins->sweep, sweep);
}
