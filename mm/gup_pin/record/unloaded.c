// SPDX-License-Identifier: GPL-2.0
/*
 * Names of return addresses whose code is gone.
 *
 * Stacks are kept as return addresses, which %pS names by the modules that are loaded
 * when they are printed. Therefore, the names of all return addresses on record that are
 * in a module are stored just before it is unloaded. Later, another module may be loaded
 * to the same place, and may return to the same addresses. The stack depot then has one
 * stack for both, so the extra bits of a handle distinguish them by a mark, which is 0 as
 * long as no address in the stack has a stored name. A name is valid for all marks below
 * its @until, but those that an older name is valid for. A new stack gets the lowest mark
 * with which its frames are named as they are now.
 *
 * A stored name stays, as readers may have stacks that are not on record any more. A name
 * that cannot be stored is counted, and only the address is shown.
 */
#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "internal.h"
#include "text.h"

/* Maximum number of names. */
#define UNLOADED_MAX	1024

/* With this mark, an address that has a stored name is shown without any. */
#define MARK_UNKNOWN	((1U << STACK_DEPOT_EXTRA_BITS) - 1)

/* What %pS prints, and " [MODULE] (init, freed)". */
static_assert(KSYM_SYMBOL_LEN + MODULE_NAME_LEN + 18 <= GUP_PIN_FRAME_MAX);

struct gup_pin_unloads gup_pin_unloads;

/**
 * struct when - when an address was recorded
 * @site: @at is low 32 bits of jiffies; otherwise it is a mark
 * @at: time or mark
 */
struct when {
	bool site;
	u32 at;
};

/**
 * gup_pin_in_code() - is an address in code?
 * @code: the code
 * @ip: the address
 *
 * Return: true if so.
 */
bool gup_pin_in_code(const struct gup_pin_code *code, unsigned long ip)
{
	return (ip >= code->start[0] && ip < code->end[0]) ||
	       (ip >= code->start[1] && ip < code->end[1]);
}

static struct hlist_head *bucket_of(unsigned long ip)
{
	return &gup_pin_unloads.buckets[hash_long(ip, GUP_PIN_UNLOADED_BITS)];
}

/* Was an address recorded before its code went? */
static bool went_later(const struct gup_pin_unloaded *name, struct when when)
{
	if (when.site)
		return (s32)(READ_ONCE(name->time) - when.at) >= 0;
	return READ_ONCE(name->until) > when.at || when.at == MARK_UNKNOWN;
}

static bool is_lost(unsigned long ip, struct when when)
{
	const struct gup_pin_unloads *unloads = &gup_pin_unloads;

	return READ_ONCE(unloads->unnamed) && ip >= READ_ONCE(unloads->lost_first) &&
	       ip <= READ_ONCE(unloads->lost_last) && went_later(&unloads->lost, when);
}

/* Under RCU. The oldest name that is valid; NULL if the code may still be there. */
static const struct gup_pin_unloaded *find(unsigned long ip, struct when when)
{
	const struct gup_pin_unloaded *name, *found = NULL;

	if (is_lost(ip, when))
		return &gup_pin_unloads.lost;
	hlist_for_each_entry_rcu(name, bucket_of(ip), node)
		if (name->ip == ip && went_later(name, when))
			found = name;
	return found;
}

/* The same code is there again, or still. */
static bool is_live(const struct gup_pin_unloaded *name, const char *text)
{
	return name->name && strlen(text) == name->live &&
	       !strncmp(name->name, text, name->live);
}

static void lose(unsigned long ip, u32 until)
{
	struct gup_pin_unloads *unloads = &gup_pin_unloads;
	bool first = !unloads->unnamed;

	WRITE_ONCE(unloads->lost_first, first ? ip : min(unloads->lost_first, ip));
	WRITE_ONCE(unloads->lost_last, first ? ip : max(unloads->lost_last, ip));
	WRITE_ONCE(unloads->lost.until, max(unloads->lost.until, until));
	WRITE_ONCE(unloads->lost.time, (u32)jiffies);
	WRITE_ONCE(unloads->unnamed, unloads->unnamed + 1);
}

/* The name of an address whose code is still there, and the length of what %pS prints. */
static size_t name_of(char *buf, const struct gup_pin_code *code, unsigned long ip)
{
	size_t live;

	sprint_symbol(buf, ip);
	live = strlen(buf);
	if (strchr(buf, '['))
		scnprintf(buf + live, GUP_PIN_FRAME_MAX - live, " (%s)", code->gone);
	else
		scnprintf(buf + live, GUP_PIN_FRAME_MAX - live, " [%s] (%s)", code->module,
			  code->gone);
	return live;
}

static noinline_for_stack void store(const struct gup_pin_code *code, unsigned long ip,
				     u32 until)
{
	struct gup_pin_unloaded *name = NULL;
	char buf[GUP_PIN_FRAME_MAX] = "";
	size_t live = code->gone ? name_of(buf, code, ip) : 0;
	size_t size = sizeof(*name) + strlen(buf) + 1;

	until = min(until, MARK_UNKNOWN);
	if (gup_pin_unloads.count < UNLOADED_MAX)
		name = kmalloc(size, GFP_ATOMIC | __GFP_NOWARN);
	if (!name) {
		lose(ip, until);
		return;
	}
	gup_pin_memory_count(size);
	name->ip = ip;
	name->until = until;
	name->time = jiffies;
	name->live = live;
	name->name = code->gone ? memcpy(name + 1, buf, strlen(buf) + 1) : NULL;
	hlist_add_head_rcu(&name->node, bucket_of(ip));
	WRITE_ONCE(gup_pin_unloads.count, gup_pin_unloads.count + 1);
}

/**
 * gup_pin_unloaded_note() - store the names of addresses on record that are in code
 * @code: the code
 * @entries: the addresses
 * @nr: their number
 * @mark: mark of their stack
 *
 * Addresses whose code went before have a name already.
 *
 * Context: Process context; does not sleep. The caller serialises calls.
 */
void gup_pin_unloaded_note(const struct gup_pin_code *code, const unsigned long *entries,
			   unsigned int nr, u32 mark)
{
	const struct when when = { .at = mark };
	bool known;

	for (; nr--; entries++) {
		if (!gup_pin_in_code(code, *entries))
			continue;
		rcu_read_lock();
		known = find(*entries, when);
		rcu_read_unlock();
		if (!known)
			store(code, *entries, mark + 1);
	}
}

/**
 * gup_pin_unloaded_note_stack() - gup_pin_unloaded_note() for a stack
 * @code: the code
 * @stack: the stack, or 0
 */
void gup_pin_unloaded_note_stack(const struct gup_pin_code *code, depot_stack_handle_t stack)
{
	unsigned long *entries;
	unsigned int nr = stack_depot_fetch(stack, &entries);

	gup_pin_unloaded_note(code, entries, nr, stack_depot_get_extra_bits(stack));
}

/**
 * gup_pin_unloaded_note_site() - gup_pin_unloaded_note() for a site
 * @code: the code
 * @ip: the site
 * @time: when it was recorded: low 32 bits of jiffies
 */
void gup_pin_unloaded_note_site(const struct gup_pin_code *code, unsigned long ip, u32 time)
{
	const struct gup_pin_unloaded *name, *newest = NULL;
	u32 until;
	bool known;

	if (!gup_pin_in_code(code, ip))
		return;
	rcu_read_lock();
	known = find(ip, (struct when) { .site = true, .at = time });
	hlist_for_each_entry_rcu(name, bucket_of(ip), node)
		if (name->ip == ip && !newest)
			newest = name;
	until = newest ? newest->until + 1 : 1;
	rcu_read_unlock();
	if (!known)
		store(code, ip, until);
}

static noinline_for_stack bool is_name_now(const struct gup_pin_unloaded *name,
					   unsigned long ip)
{
	char now[KSYM_SYMBOL_LEN];

	sprint_symbol(now, ip);
	return is_live(name, now);
}

static u32 next_mark(unsigned long ip, u32 mark)
{
	const struct gup_pin_unloaded *name = find(ip, (struct when) { .at = mark });

	return !name || is_name_now(name, ip) ? mark : READ_ONCE(name->until);
}

/**
 * gup_pin_unloaded_mark() - mark of a new stack
 * @entries: its addresses
 * @nr: their number
 *
 * Context: Any except NMI.
 *
 * Return: the mark with which its frames are named as they are now.
 */
u32 gup_pin_unloaded_mark(const unsigned long *entries, unsigned int nr)
{
	unsigned int i = 0;
	u32 mark = 0, next;

	if (likely(!READ_ONCE(gup_pin_unloads.count) && !READ_ONCE(gup_pin_unloads.unnamed)))
		return 0;
	rcu_read_lock();
	while (i < nr && mark < MARK_UNKNOWN) {
		next = next_mark(entries[i], mark);
		i = next == mark ? i + 1 : 0;
		mark = next;
	}
	rcu_read_unlock();
	return mark;
}

/**
 * gup_pin_marked_stack() - handle of a new stack, with its mark
 * @stack: handle from the stack depot, or 0
 * @entries: its addresses
 * @nr: their number
 *
 * Context: Any except NMI.
 *
 * Return: the handle.
 */
depot_stack_handle_t gup_pin_marked_stack(depot_stack_handle_t stack,
					  const unsigned long *entries, unsigned int nr)
{
	return stack_depot_set_extra_bits(stack, gup_pin_unloaded_mark(entries, nr));
}

/**
 * gup_pin_code_is_new() - code appears where other code may have been
 * @code: the code
 *
 * Context: The caller serialises calls.
 */
void gup_pin_code_is_new(const struct gup_pin_code *code)
{
	u32 nr = gup_pin_unloads.nr_new;

	gup_pin_unloads.new[nr % GUP_PIN_CODE_NEW] = *code;
	/* The entry before its number; pairs with gup_pin_frames_as_of(). */
	smp_store_release(&gup_pin_unloads.nr_new, nr + 1);
}

/**
 * gup_pin_frames_as_of() - note the time at which a copy of stacks is made
 *
 * The names of a copy that is not on record any more are not stored.
 *
 * Return: to be passed to gup_pin_frame_text().
 */
u32 gup_pin_frames_as_of(void)
{
	/* Pairs with gup_pin_code_is_new(). */
	return smp_load_acquire(&gup_pin_unloads.nr_new);
}

/* Did the code at an address, which now has this name, appear after @as_of? */
static bool is_newer(unsigned long ip, const char *text, u32 as_of)
{
	u32 nr;

	for (nr = gup_pin_frames_as_of(); as_of != nr; as_of++) {
		if (gup_pin_frames_as_of() - as_of >= GUP_PIN_CODE_NEW)
			return strchr(text, '[');
		if (gup_pin_in_code(&gup_pin_unloads.new[as_of % GUP_PIN_CODE_NEW], ip))
			return true;
	}
	return false;
}

static void text_of(char *buf, unsigned long ip, struct when when, u32 as_of)
{
	const struct gup_pin_unloaded *name;

	sprint_symbol(buf, ip);
	rcu_read_lock();
	name = find(ip, when);
	if (name ? !name->name || (!when.site && when.at == MARK_UNKNOWN) :
		   is_newer(ip, buf, as_of))
		snprintf(buf, GUP_PIN_FRAME_MAX, "0x%lx", ip);
	else if (name && !is_live(name, buf))
		strscpy(buf, name->name, GUP_PIN_FRAME_MAX);
	rcu_read_unlock();
}

/**
 * gup_pin_frame_text() - a frame as it is shown
 * @buf: filled in; GUP_PIN_FRAME_MAX bytes
 * @ip: the return address
 * @mark: mark of its stack
 * @as_of: from gup_pin_frames_as_of(), before the stack was copied
 *
 * What %pS prints, unless the code that the address was in is gone.
 *
 * Context: Any except NMI.
 */
void gup_pin_frame_text(char *buf, unsigned long ip, u32 mark, u32 as_of)
{
	text_of(buf, ip, (struct when) { .at = mark }, as_of);
}

/**
 * gup_pin_site_text() - a site as it is shown
 * @buf: filled in; GUP_PIN_FRAME_MAX bytes
 * @ip: return address into the caller
 * @time: when it was recorded: low 32 bits of jiffies
 *
 * Context: Any except NMI.
 */
void gup_pin_site_text(char *buf, unsigned long ip, u32 time)
{
	text_of(buf, ip, (struct when) { .site = true, .at = time }, gup_pin_frames_as_of());
}

/**
 * gup_pin_unloaded_exit() - forget all names
 *
 * There must be no readers, and no stacks on record.
 */
void gup_pin_unloaded_exit(void)
{
	struct gup_pin_unloaded *name;
	struct hlist_node *next;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(gup_pin_unloads.buckets); i++)
		hlist_for_each_entry_safe(name, next, &gup_pin_unloads.buckets[i], node) {
			gup_pin_memory_count(-(long)(sizeof(*name) + 1 +
						     strlen(name->name ?: "")));
			kfree(name);
		}
	memset(&gup_pin_unloads, 0, sizeof(gup_pin_unloads));
}
