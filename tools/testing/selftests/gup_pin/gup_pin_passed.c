// SPDX-License-Identifier: GPL-2.0
/* Pins that end in the function that took them, as events show them. */
#include <string.h>
#include <unistd.h>
#include "gup_pin_passed.h"
#include "gup_pin_tracefs.h"
#include "gup_pin_util.h"

static const char *check(const struct gup_pin_event *acquire,
			 const struct gup_pin_event *release, const void *page, pid_t tgid,
			 const char *api, char mode)
{
	if (strcmp(acquire->api, api) || acquire->mode != mode ||
	    strcmp(acquire->term, "short") || acquire->pins != 1)
		return gup_pin_problem("%s %c %s pins=%lu", acquire->api, acquire->mode,
				       acquire->term, acquire->pins);
	if (acquire->owner != getpid() || acquire->pid != tgid)
		return gup_pin_problem("owner=%d pid=%d", acquire->owner, acquire->pid);
	if (acquire->addr != (unsigned long)page || acquire->pfn != gup_pin_pfn_of(0, page))
		return gup_pin_problem("addr=0x%lx pfn=0x%lx", acquire->addr, acquire->pfn);
	if (release->pfn != acquire->pfn || release->stack != acquire->stack ||
	    strcmp(release->match, "exact"))
		return gup_pin_problem("pfn=0x%lx stack=0x%lx match=%s is released",
				       release->pfn, release->stack, release->match);
	return NULL;
}

const char *gup_pin_check_passed(const void *page, pid_t tgid, const char *api, char mode)
{
	const struct gup_pin_event *acquire, *release;
	struct gup_pin_events events;
	const char *problem;

	problem = gup_pin_tracefs_read(&events);
	if (problem)
		return problem;
	problem = gup_pin_tracefs_only(&events, EVENT_ACQUIRE, tgid, &acquire) ?:
		gup_pin_tracefs_only(&events, EVENT_RELEASE, tgid, &release) ?:
		check(acquire, release, page, tgid, api, mode);
	gup_pin_tracefs_free(&events);
	return problem;
}
