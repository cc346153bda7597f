// SPDX-License-Identifier: GPL-2.0
/*
 * Which pins make writeback and truncation a hazard: what the user says.
 */
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "gup_pin.h"

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "gup_pin."

enum policy {
	POLICY_OFF,
	POLICY_WRITE,
	POLICY_ANY,
};

static const char *const policy_names[] = {
	[POLICY_OFF]	= "off",
	[POLICY_WRITE]	= "write",
	[POLICY_ANY]	= "any",
};

/* A pin for read does no harm to what is being written back. */
static int writeback_policy __read_mostly = POLICY_WRITE;
static int truncate_policy __read_mostly = POLICY_ANY;

static int policy_set(const char *val, const struct kernel_param *kp)
{
	int policy = val ? sysfs_match_string(policy_names, val) : -EINVAL;

	if (policy < 0)
		return policy;
	WRITE_ONCE(*(int *)kp->arg, policy);
	return 0;
}

static int policy_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n", policy_names[*(int *)kp->arg]);
}

static const struct kernel_param_ops policy_ops = {
	.set = policy_set,
	.get = policy_get,
};

module_param_cb(writeback, &policy_ops, &writeback_policy, 0644);
MODULE_PARM_DESC(writeback,
		 "report writeback of folios with: off, write (pins), any (pins)");
module_param_cb(truncate, &policy_ops, &truncate_policy, 0644);
MODULE_PARM_DESC(truncate,
		 "report truncation of folios with: off, write (pins), any (pins)");

static bool covers(int policy, bool writes)
{
	return policy == POLICY_ANY || (policy == POLICY_WRITE && writes);
}

/**
 * gup_pin_hazard_wanted() - does the user want to know?
 * @kind: of the hazard
 * @writes: it is about a write pin
 *
 * Any context.
 *
 * Return: false if the kind's policy says that it is no hazard.
 */
bool gup_pin_hazard_wanted(enum gup_pin_hazard_kind kind, bool writes)
{
	switch (kind) {
	case GUP_PIN_HAZARD_WRITEBACK:
	case GUP_PIN_HAZARD_PIN_UNDER_WRITEBACK:
		return covers(READ_ONCE(writeback_policy), writes);
	case GUP_PIN_HAZARD_TRUNCATE:
		return covers(READ_ONCE(truncate_policy), writes);
	default:
		return true;
	}
}
