// SPDX-License-Identifier: GPL-2.0
/*
 * Origins: who, where and how. Equal ones are one object.
 */
#include <linux/jhash.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "gup_pin.h"

/* Origins that may stay without a live call before a new one makes room. */
#define ORIGINS_KEPT		1024

/* Buckets that a new origin looks through for others to free. */
#define ORIGINS_SWEEP		16

/* struct gup_pin_id has no padding that differs: see id_init() in record.c. */
static u32 id_hash(const struct gup_pin_id *id)
{
	BUILD_BUG_ON(sizeof(*id) % sizeof(u32));
	return jhash2((const u32 *)id, sizeof(*id) / sizeof(u32), 0);
}

static struct gup_pin_origin *origin_find(struct hlist_head *bucket, u32 hash,
					  const struct gup_pin_id *id)
{
	struct gup_pin_origin *origin;

	hlist_for_each_entry_rcu(origin, bucket, node) {
		if (origin->hash != hash ||
		    !gup_pin_id_equal(&origin->id, id))
			continue;
		if (!atomic64_inc_unless_negative(&origin->got))
			continue;
		if (!READ_ONCE(origin->used))
			WRITE_ONCE(origin->used, true);
		return origin;
	}
	return NULL;
}

/*
 * Nobody gets it any more. Only who has a call of it may make a hint, so a hint
 * that is not seen here is none that will be.
 *
 * One that is hinted at is not even tried: who would get it meanwhile had to
 * make another.
 */
static bool origin_kill(struct gup_pin_origin *origin)
{
	s64 gone;

	if (atomic_read(&origin->hints))
		return false;
	/* If no more have come than had gone before, all have. */
	gone = atomic64_read(&origin->gone);
	if (atomic64_cmpxchg(&origin->got, gone, GUP_PIN_ORIGIN_DEAD) != gone)
		return false;
	if (!atomic_read(&origin->hints))
		return true;
	atomic64_set(&origin->got, gone);
	return false;
}

static void origin_free(struct gup_pin_origins *origins,
			struct gup_pin_origin *origin)
{
	hlist_del_rcu(&origin->node);
	WRITE_ONCE(origins->count, origins->count - 1);
	gup_pin_uncount(GUP_PIN_ORIGINS);
	kfree_rcu(origin, rcu);
}

/* Free origins of a few buckets that no call has had since the last time. */
static void origins_sweep(struct gup_pin_origins *origins)
{
	struct gup_pin_origin *origin;
	struct hlist_node *next;
	unsigned int i;

	lockdep_assert_held(&origins->lock);
	for (i = 0; i < ORIGINS_SWEEP; i++) {
		struct hlist_head *bucket = &origins->buckets[origins->hand];

		origins->hand = (origins->hand + 1) %
				ARRAY_SIZE(origins->buckets);
		hlist_for_each_entry_safe(origin, next, bucket, node) {
			if (gup_pin_origin_calls(origin))
				continue;
			if (READ_ONCE(origin->used)) {
				WRITE_ONCE(origin->used, false);
				continue;
			}
			if (origin_kill(origin))
				origin_free(origins, origin);
		}
	}
}

/**
 * gup_pin_origin_get() - the origin of a call that is about to be recorded
 * @origins: the table
 * @id: what it stands for; every byte counts, padding too
 * @gfp: how memory may be allocated
 *
 * Return: the origin, with one live call more, or NULL when it is new and
 * there is no memory for it.
 */
struct gup_pin_origin *gup_pin_origin_get(struct gup_pin_origins *origins,
					  const struct gup_pin_id *id,
					  gfp_t gfp)
{
	u32 hash = id_hash(id);
	struct hlist_head *bucket =
		&origins->buckets[hash % ARRAY_SIZE(origins->buckets)];
	struct gup_pin_origin *origin, *new;
	unsigned long flags;

	rcu_read_lock();
	origin = origin_find(bucket, hash, id);
	rcu_read_unlock();
	if (origin)
		return origin;

	new = gup_pin_alloc(GUP_PIN_ORIGINS, gfp);
	if (!new)
		return NULL;
	new->id = *id;
	new->hash = hash;
	new->used = true;
	new->told = false;
	atomic64_set(&new->got, 1);
	atomic64_set(&new->gone, 0);
	atomic64_set(&new->more.live, 0);
	atomic64_set(&new->more.ever, 0);
	atomic64_set(&new->peak, 0);
	atomic_set(&new->hints, 0);

	spin_lock_irqsave(&origins->lock, flags);
	origin = origin_find(bucket, hash, id);
	if (!origin) {
		if (origins->count >= ORIGINS_KEPT)
			origins_sweep(origins);
		hlist_add_head_rcu(&new->node, bucket);
		WRITE_ONCE(origins->count, origins->count + 1);
	}
	spin_unlock_irqrestore(&origins->lock, flags);
	if (origin)
		gup_pin_free(GUP_PIN_ORIGINS, new);
	return origin ?: new;
}

/**
 * gup_pin_origins_live() - how many origins have live calls
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
			live += gup_pin_origin_calls(origin) > 0;
	rcu_read_unlock();
	return live;
}

/**
 * gup_pin_origin_acquired() - the pins that an origin ever took
 * @origin: the origin
 *
 * Return: their number, since the origin is there.
 */
u64 gup_pin_origin_acquired(struct gup_pin_origin *origin)
{
	s64 got = atomic64_read(&origin->got);

	return max(got + atomic64_read(&origin->more.ever), 0LL);
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
 * gup_pin_origin_released() - pins of an origin are about to go
 * @origin: the origin
 * @site: where they are released from, or 0
 *
 * For who has found that gup_pin_origin_tells(). Any context; takes no lock.
 */
void gup_pin_origin_released(struct gup_pin_origin *origin, unsigned long site)
{
	gup_pin_origin_see_peak(origin);
	if (site && !(atomic64_read(&origin->gone) % GUP_PIN_LEARN))
		gup_pin_site_learn(&gup_pin_root.sites, site, &origin->id);
}

/**
 * gup_pin_origins_untold() - tell of origins again that were told of before
 * @origins: the table
 */
void gup_pin_origins_untold(struct gup_pin_origins *origins)
{
	struct gup_pin_origin *origin;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < ARRAY_SIZE(origins->buckets); i++)
		hlist_for_each_entry_rcu(origin, &origins->buckets[i], node)
			WRITE_ONCE(origin->told, false);
	rcu_read_unlock();
}

/* Under RCU. Takes no call of the origin, so that looking shows nowhere. */
static struct gup_pin_origin *look_up(struct gup_pin_origins *origins,
				      const struct gup_pin_id *id)
{
	u32 hash = id_hash(id);
	struct hlist_head *bucket =
		&origins->buckets[hash % ARRAY_SIZE(origins->buckets)];
	struct gup_pin_origin *origin;

	/* One that is being freed may have its like in the table already. */
	hlist_for_each_entry_rcu(origin, bucket, node)
		if (origin->hash == hash && gup_pin_id_equal(&origin->id, id) &&
		    atomic64_read(&origin->got) >= 0)
			return origin;
	return NULL;
}

/**
 * gup_pin_origin_to_tell() - is an origin in the table that nobody was told of?
 * @origins: the table
 * @id: what the origin stands for
 *
 * Return: true if so.
 */
bool gup_pin_origin_to_tell(struct gup_pin_origins *origins,
			    const struct gup_pin_id *id)
{
	const struct gup_pin_origin *origin;
	bool to_tell;

	rcu_read_lock();
	origin = look_up(origins, id);
	to_tell = origin && !READ_ONCE(origin->told);
	rcu_read_unlock();
	return to_tell;
}

/**
 * gup_pin_origin_tell_once() - is an origin to be told of?
 * @origins: the table
 * @id: what the origin stands for
 *
 * One looker at a time.
 *
 * Return: true once for each origin in the table.
 */
bool gup_pin_origin_tell_once(struct gup_pin_origins *origins,
			      const struct gup_pin_id *id)
{
	struct gup_pin_origin *origin;
	bool first = false;

	rcu_read_lock();
	origin = look_up(origins, id);
	if (origin) {
		first = !READ_ONCE(origin->told);
		WRITE_ONCE(origin->told, true);
	}
	rcu_read_unlock();
	return first;
}

/**
 * gup_pin_origins_destroy() - free all origins of a table
 * @origins: the table; nobody else uses it, and no origin has a live call
 */
void gup_pin_origins_destroy(struct gup_pin_origins *origins)
{
	struct gup_pin_origin *origin;
	struct hlist_node *next;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(origins->buckets); i++)
		hlist_for_each_entry_safe(origin, next, &origins->buckets[i],
					  node) {
			WARN_ON_ONCE(gup_pin_origin_calls(origin));
			origin_free(origins, origin);
		}
}

void gup_pin_origins_init(struct gup_pin_origins *origins)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(origins->buckets); i++)
		INIT_HLIST_HEAD(&origins->buckets[i]);
	spin_lock_init(&origins->lock);
	origins->count = 0;
	origins->hand = 0;
}
