// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "kselftest.h"
#include "gup_pin_bulk.h"
#include "gup_pin_reading.h"
#include "gup_pin_util.h"

#define MOST_MS		5000UL

/* Allowance for other kernel memory, in kB; the text is a hundred times that size. */
#define OTHERS_KB	2048UL

/* Memory allocated by the kernel, in kB. */
static unsigned long kernel_kb(void)
{
	return gup_pin_memory_kb("Slab") + gup_pin_memory_kb("VmallocUsed");
}

/* CPU time of this process, in ms. */
static unsigned long cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Interval of memory checks, in bytes, because a check takes time itself. */
#define LOOK_EVERY	(16UL << 20)

static void look(struct gup_pin_reading *reading, unsigned long before)
{
	unsigned long now = kernel_kb();

	if (now > before && now - before > reading->grown_kb)
		reading->grown_kb = now - before;
}

static unsigned long newlines(const char *text, size_t len)
{
	const char *end = text + len;
	unsigned long nr = 0;

	while ((text = memchr(text, '\n', end - text))) {
		text++;
		nr++;
	}
	return nr;
}

const char *gup_pin_reading(const char *path, const char *filter,
			    struct gup_pin_reading *reading)
{
	unsigned long before = kernel_kb(), next = 0, start = cpu_ms(), looked = 0;
	static char buf[1 << 17];
	ssize_t got = 0;
	int fd;

	memset(reading, 0, sizeof(*reading));
	fd = open(path, filter ? O_RDWR : O_RDONLY);
	if (fd < 0)
		return gup_pin_problem("cannot open %s: %s", path, strerror(errno));
	if (filter && gup_pin_view_filter(fd, filter)) {
		close(fd);
		return gup_pin_problem("%s: the filter %s is refused", path, filter);
	}
	while ((got = read(fd, buf, sizeof(buf))) > 0) {
		reading->lines += newlines(buf, got);
		reading->bytes += got;
		if ((size_t)got > reading->at_once)
			reading->at_once = got;
		if (reading->bytes < next)
			continue;
		next = reading->bytes + LOOK_EVERY;
		looked -= cpu_ms();
		look(reading, before);
		looked += cpu_ms();
	}
	look(reading, before);
	close(fd);
	reading->ms = cpu_ms() - start - looked;
	if (got < 0)
		return gup_pin_problem("cannot read %s: %s", path, strerror(errno));
	ksft_print_msg("%s %s: %lu lines, %lu bytes, %lu ms, %lu at once, %lu kB\n", path,
		       filter ?: "", reading->lines, reading->bytes, reading->ms,
		       reading->at_once, reading->grown_kb);
	return NULL;
}

const char *gup_pin_reading_check(const struct gup_pin_reading *reading,
				  unsigned long least, unsigned long most)
{
	if (reading->lines < least || reading->lines > most)
		return gup_pin_problem("%lu lines, not %lu to %lu", reading->lines,
				       least, most);
	if (reading->ms > MOST_MS)
		return gup_pin_problem("it took %lu ms", reading->ms);
	if (reading->at_once > PAGE_SIZE)
		return gup_pin_problem("the kernel's buffer has grown to %lu bytes",
				       reading->at_once);
	if (reading->grown_kb > OTHERS_KB)
		return gup_pin_problem("the kernel took %lu kB more meanwhile",
				       reading->grown_kb);
	return NULL;
}
