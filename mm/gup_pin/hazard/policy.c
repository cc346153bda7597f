// SPDX-License-Identifier: GPL-2.0
/* Policies of the kinds of hazards: parameters set by the user. */
#include <linux/bits.h>
#include <linux/bitops.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "../compat.h"
#include "internal.h"

/* Words of a policy. Some are synonyms, and are read back as written. */
enum word {
	WORD_OFF,
	WORD_COUNT,
	WORD_REPORT,
	/* Synonym of "report" for kinds to which read pins matter. */
	WORD_WRITE,
	WORD_ANY,
	/* Same as gup_pin.writeback. */
	WORD_WRITEBACK,
};

static const char *const words[] = {
	[WORD_OFF]	= "off",
	[WORD_COUNT]	= "count",
	[WORD_REPORT]	= "report",
	[WORD_WRITE]	= "write",
	[WORD_ANY]	= "any",
	[WORD_WRITEBACK] = "writeback",
};

static int policies[NR_GUP_PIN_HAZARDS] __read_mostly = {
	/* A read pin neither harms writeback nor loses data. */
	[GUP_PIN_HAZARD_WRITEBACK]		= WORD_WRITE,
	[GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK]	= WORD_WRITEBACK,
	[GUP_PIN_HAZARD_TRUNCATE]		= WORD_WRITE,
	[GUP_PIN_HAZARD_UNMATCHED_UNPIN]	= WORD_REPORT,
	[GUP_PIN_HAZARD_DIRTY_READ_PIN]		= WORD_REPORT,
	[GUP_PIN_HAZARD_CHANGED_UNDER_WRITEBACK] = WORD_REPORT,
	[GUP_PIN_HAZARD_DIRTIED_AFTER_CLEAN]	= WORD_REPORT,
	[GUP_PIN_HAZARD_OVERDUE]		= WORD_REPORT,
};

/* Does the kind distinguish read pins from write pins? */
static bool has_modes(enum gup_pin_hazard_kind kind)
{
	return kind == GUP_PIN_HAZARD_WRITEBACK ||
	       kind == GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK ||
	       kind == GUP_PIN_HAZARD_TRUNCATE;
}

static bool word_fits(enum gup_pin_hazard_kind kind, int word)
{
	switch (word) {
	case WORD_OFF:
	case WORD_COUNT:
	case WORD_REPORT:
		return true;
	case WORD_WRITE:
	case WORD_ANY:
		return has_modes(kind);
	case WORD_WRITEBACK:
		return kind == GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK;
	default:
		return false;
	}
}

static int policy_set(const char *val, const struct kernel_param *kp)
{
	int word = val ? sysfs_match_string(words, val) : -EINVAL;
	int *policy = kp->arg;

	if (word < 0 || !word_fits(policy - policies, word))
		return -EINVAL;
	WRITE_ONCE(*policy, word);
	return 0;
}

static int policy_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n", words[*(int *)kp->arg]);
}

static const struct kernel_param_ops policy_ops = {
	.set = policy_set,
	.get = policy_get,
};

module_param_cb(writeback, &policy_ops,
		&policies[GUP_PIN_HAZARD_WRITEBACK], 0644);
MODULE_PARM_DESC(writeback,
		 "writeback of pinned folios: off, count, report or write, any (pins)");
module_param_cb(pin_under_writeback, &policy_ops,
		&policies[GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK], 0644);
MODULE_PARM_DESC(pin_under_writeback,
		 "pins of folios under writeback: writeback (as that), off, count, report or write, any (pins)");
module_param_cb(truncate, &policy_ops,
		&policies[GUP_PIN_HAZARD_TRUNCATE], 0644);
MODULE_PARM_DESC(truncate,
		 "truncation of pinned folios: off, count, report or write, any (pins)");
module_param_cb(unmatched_unpin, &policy_ops,
		&policies[GUP_PIN_HAZARD_UNMATCHED_UNPIN], 0644);
MODULE_PARM_DESC(unmatched_unpin,
		 "unpins without a pin: off, count or report");
module_param_cb(dirty_read_pin, &policy_ops,
		&policies[GUP_PIN_HAZARD_DIRTY_READ_PIN], 0644);
MODULE_PARM_DESC(dirty_read_pin,
		 "read pins released as dirty: off, count or report");
module_param_cb(changed_under_writeback, &policy_ops,
		&policies[GUP_PIN_HAZARD_CHANGED_UNDER_WRITEBACK], 0644);
MODULE_PARM_DESC(changed_under_writeback,
		 "folios that changed under writeback: off, count or report");
module_param_cb(dirtied_after_clean, &policy_ops,
		&policies[GUP_PIN_HAZARD_DIRTIED_AFTER_CLEAN], 0644);
MODULE_PARM_DESC(dirtied_after_clean,
		 "folios dirtied after they were cleaned: off, count or report");
module_param_cb(overdue, &policy_ops,
		&policies[GUP_PIN_HAZARD_OVERDUE], 0644);
MODULE_PARM_DESC(overdue,
		 "short-term pins held for too long: off, count or report");

/* Bitmap of the kinds whose reports respect panic_on_warn. */
static unsigned long panics __read_mostly = BIT(NR_GUP_PIN_HAZARDS) - 1;

/* Return a negative number if there is no such kind. */
static int find_kind(const char *name)
{
	return match_string(gup_pin_hazard_names, NR_GUP_PIN_HAZARDS, name);
}

/* Serialised by the parameter lock. */
static int panic_set(const char *val, const struct kernel_param *kp)
{
	char words[256], *text = words, *word;
	unsigned long kinds = 0;
	int kind;

	if (!val || strscpy(words, val) < 0)
		return -EINVAL;
	text = strim(words);
	if (!strcmp(text, "all")) {
		kinds = BIT(NR_GUP_PIN_HAZARDS) - 1;
	} else if (strcmp(text, "none")) {
		while ((word = strsep(&text, ","))) {
			kind = find_kind(word);
			if (kind < 0)
				return -EINVAL;
			kinds |= BIT(kind);
		}
	}
	WRITE_ONCE(panics, kinds);
	return 0;
}

static int panic_get(char *buffer, const struct kernel_param *kp)
{
	unsigned long kind;
	int len = 0;

	if (panics == BIT(NR_GUP_PIN_HAZARDS) - 1)
		return sysfs_emit(buffer, "all\n");
	if (!panics)
		return sysfs_emit(buffer, "none\n");
	for_each_set_bit(kind, &panics, NR_GUP_PIN_HAZARDS)
		len += sysfs_emit_at(buffer, len, "%s%s", len ? "," : "",
				     gup_pin_hazard_names[kind]);
	return len + sysfs_emit_at(buffer, len, "\n");
}

static const struct kernel_param_ops panic_ops = {
	.set = panic_set,
	.get = panic_get,
};

module_param_cb(panic, &panic_ops, NULL, 0644);
MODULE_PARM_DESC(panic,
		 "all, none, or which kinds of reports count for panic_on_warn: names with commas between them");

/**
 * gup_pin_policy_panics() - do reports of a kind respect panic_on_warn?
 * @kind: kind of the hazard
 *
 * Context: Any.
 * Return: true if they do.
 */
bool gup_pin_policy_panics(enum gup_pin_hazard_kind kind)
{
	return READ_ONCE(panics) & BIT(kind);
}

/**
 * gup_pin_policy_of() - get the policy of a kind of hazard
 * @kind: kind of the hazard
 *
 * Context: Any.
 * Return: the policy that the user has set.
 */
enum gup_pin_policy gup_pin_policy_of(enum gup_pin_hazard_kind kind)
{
	int word = READ_ONCE(policies[kind]);

	if (word == WORD_WRITEBACK)
		word = READ_ONCE(policies[GUP_PIN_HAZARD_WRITEBACK]);
	switch (word) {
	case WORD_OFF:
		return GUP_PIN_POLICY_OFF;
	case WORD_COUNT:
		return GUP_PIN_POLICY_COUNT;
	case WORD_ANY:
		return GUP_PIN_POLICY_ANY;
	default:
		return GUP_PIN_POLICY_REPORT;
	}
}
