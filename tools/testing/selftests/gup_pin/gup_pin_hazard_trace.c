// SPDX-License-Identifier: GPL-2.0
/* The tracepoint gup_pin:gup_pin_hazard, and the end of reports in error_report. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_hazard.h"
#include "gup_pin_scene.h"
#include "gup_pin_tracefs.h"

#define EVENT	TRACEFS "/events/gup_pin/gup_pin_hazard/enable"
#define REPORT	TRACEFS "/events/error_report/error_report_end/enable"
#define TRACE	TRACEFS "/trace"

FIXTURE(trace)
{
	struct gup_pin_base base;
	struct gup_pin_scene scene;
	struct gup_pin_watch watch;
};

/* Opening it so is what empties it. */
static const char *empty(void)
{
	int fd = open(TRACE, O_WRONLY | O_TRUNC);

	if (fd < 0)
		return gup_pin_problem("cannot open " TRACE ": %s", strerror(errno));
	close(fd);
	return NULL;
}

FIXTURE_SETUP(trace)
{
	const char *missing = gup_pin_scene_missing(SCENE_EXT4);

	if (access(TRACE, F_OK))
		mount("none", TRACEFS, "tracefs", 0, NULL);
	if (!missing && access(EVENT, F_OK))
		missing = "no " EVENT;
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_scene_open(&self->scene, SCENE_EXT4));
	ASSERT_OK(empty());
	ASSERT_OK(gup_pin_write(EVENT, "1"));
	ASSERT_OK(gup_pin_write(REPORT, "1"));
	ASSERT_OK(gup_pin_watch_begin(&self->watch));
}

FIXTURE_TEARDOWN(trace)
{
	gup_pin_write(EVENT, "0");
	gup_pin_write(REPORT, "0");
	gup_pin_scene_close(&self->scene);
	gup_pin_watch_end(&self->watch);
}

static unsigned int count(const char *text, const char *words)
{
	unsigned int nr = 0;

	for (; (text = strstr(text, words)); text++)
		nr++;
	return nr;
}

/* How the end of a report is shown: only a kernel with the feature has a name for it. */
static const char *report_end(void)
{
	return gup_pin_is_module() ? "error_report_end: [0x3] " : "error_report_end: [gup_pin] ";
}

TEST_F(trace, hazard)
{
	const struct gup_pin_line *pin = &self->scene.line;
	struct gup_pin_counts now;
	char *text, words[400];

	ASSERT_OK(gup_pin_scene_pin(&self->scene, HOLD_READ));
	ASSERT_EQ(0, ftruncate(self->scene.fd, 0));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	ASSERT_OK(gup_pin_slurp(TRACE, &text, NULL));
	EXPECT_EQ(1, count(text, "gup_pin_hazard: ")) {
		TH_LOG("%s", text);
	}
	EXPECT_EQ(1, count(text, "gup_pin_hazard: kind=truncate func=truncate"));
	snprintf(words, sizeof(words),
		 " pfn=0x%lx order=%u dev=%u:%u ino=%lu index=0x%lx pins_on_folio=1 mode=w term=short api=%s owner=%d task=%d/%d comm=%s stake=data\n",
		 pin->pfn, pin->order, pin->major, pin->minor, pin->ino, pin->index,
		 pin->api, pin->owner, pin->tgid, pin->pid, pin->comm);
	EXPECT_EQ(1, count(text, words)) {
		TH_LOG("no '%s' in: %s", words, text);
	}
	/* It has no report if its like was met before. */
	ASSERT_OK(gup_pin_read_counts(&now));
	EXPECT_EQ(1, count(text, report_end()) + now.suppressed -
		     self->watch.counts.suppressed);
	free(text);
}

/* The twin: the pin is gone. */
TEST_F(trace, none)
{
	char *text;

	ASSERT_OK(gup_pin_scene_pin(&self->scene, HOLD_READ));
	ASSERT_OK(gup_pin_scene_unpin(&self->scene));
	ASSERT_EQ(0, ftruncate(self->scene.fd, 0));
	ASSERT_OK(gup_pin_slurp(TRACE, &text, NULL));
	EXPECT_EQ(0, count(text, "gup_pin_hazard: "));
	EXPECT_EQ(0, count(text, "error_report_end: "));
	free(text);
	ASSERT_OK(gup_pin_watch_silent(&self->watch));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
