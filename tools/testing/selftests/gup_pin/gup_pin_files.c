// SPDX-License-Identifier: GPL-2.0
/* The files below /sys/kernel/debug/gup_pin: modes, headers, keys. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

FIXTURE(files)
{
	struct gup_pin_base base;
};

FIXTURE_SETUP(files)
{
	const char *missing = gup_pin_missing();

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
}

FIXTURE_TEARDOWN(files)
{
}

TEST_F(files, modes)
{
	static const struct {
		const char *name;
		mode_t mode;
	} files[] = {
		{ "enable", 0600 },
		{ "pins", 0600 },
		{ "stacks", 0400 },
		{ "hazards", 0600 },
		{ "orphans", 0600 },
		{ "refused", 0400 },
		{ "stats", 0444 },
		{ "verify", 0400 },
	};
	struct stat st;
	char path[100];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", GUP_PIN_DIR, files[i].name);
		ASSERT_EQ(0, stat(path, &st)) {
			TH_LOG("%s: %s", path, strerror(errno));
		}
		EXPECT_TRUE(S_ISREG(st.st_mode));
		EXPECT_EQ(files[i].mode, st.st_mode & 07777) {
			TH_LOG("%s", path);
		}
		EXPECT_EQ(0, st.st_uid);
	}
}

/* Not even stats: debugfs itself is for root only. */
TEST_F(files, unprivileged)
{
	static const char *const files[] = {
		"enable", "pins", "stacks", "hazards", "orphans", "refused",
		"stats", "verify",
	};
	int status, bad = 0;
	char path[100];
	size_t i;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (setgid(65534) || setuid(65534))
			_exit(100);
		for (i = 0; i < ARRAY_SIZE(files); i++) {
			snprintf(path, sizeof(path), "%s/%s", GUP_PIN_DIR, files[i]);
			bad += open(path, O_RDONLY) >= 0 || errno != EACCES;
			bad += open(path, O_WRONLY) >= 0 || errno != EACCES;
		}
		_exit(bad);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status) {
		TH_LOG("an unprivileged user can open files (status 0x%x)", status);
	}
}

TEST_F(files, read_only)
{
	EXPECT_NE(NULL, gup_pin_write(GUP_PIN_DIR "/stacks", "1"));
	EXPECT_NE(NULL, gup_pin_write(GUP_PIN_DIR "/hazards", "1"));
	EXPECT_NE(NULL, gup_pin_write(GUP_PIN_DIR "/stats", "1"));
	EXPECT_NE(NULL, gup_pin_write(GUP_PIN_DIR "/verify", "1"));
}

TEST_F(files, header_lines)
{
	char *text;

	ASSERT_OK(gup_pin_slurp(GUP_PIN_DIR "/pins", &text, NULL));
	EXPECT_EQ(0, strncmp(text, "# gup_pin pins 1\n", 17));
	free(text);
	ASSERT_OK(gup_pin_slurp(GUP_PIN_DIR "/stacks", &text, NULL));
	EXPECT_EQ(0, strncmp(text, "# gup_pin stacks 1\n", 19));
	free(text);
	ASSERT_OK(gup_pin_slurp(GUP_PIN_DIR "/hazards", &text, NULL));
	EXPECT_EQ(0, strncmp(text, "# gup_pin hazards 1\n", 20));
	free(text);
}

/* The parser of stats requires each key in its place. */
TEST_F(files, stats_keys)
{
	struct gup_pin_stats stats;

	ASSERT_OK(gup_pin_read_stats(&stats));
	EXPECT_EQ(1, stats.enabled);
	EXPECT_EQ(stats.live_pins, stats.acquired - stats.released);
	EXPECT_LE(stats.live_folios, stats.live_pins);
	EXPECT_LE(stats.live_calls, stats.live_pins);
}

TEST_F(files, enable_reads_back)
{
	char *text;

	ASSERT_OK(gup_pin_slurp(GUP_PIN_DIR "/enable", &text, NULL));
	EXPECT_STREQ("1\n", text);
	free(text);
}

TEST_F(files, verify)
{
	struct gup_pin_verify verify;

	ASSERT_OK(gup_pin_read_verify(&verify));
	EXPECT_EQ(0, verify.mismatches);
}

FIXTURE(comm)
{
	struct gup_pin_base base;
};

FIXTURE_VARIANT(comm)
{
	const char *name;
	const char *printed;
};

FIXTURE_VARIANT_ADD(comm, plain)
{
	.name = "gup-pin_1.0:2/3",
	.printed = "gup-pin_1.0:2/3",
};

FIXTURE_VARIANT_ADD(comm, blanks)
{
	.name = "a b\tc\nd",
	.printed = "a\\x20b\\x09c\\x0ad",
};

FIXTURE_VARIANT_ADD(comm, backslash)
{
	.name = "a\\x20b",
	.printed = "a\\x5cx20b",
};

FIXTURE_VARIANT_ADD(comm, not_ascii)
{
	.name = "f\303\274r\177",
	.printed = "f\\xc3\\xbcr\\x7f",
};

FIXTURE_VARIANT_ADD(comm, empty)
{
	.name = "",
	.printed = "",
};

FIXTURE_SETUP(comm)
{
	const char *missing = gup_pin_missing();

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
}

FIXTURE_TEARDOWN(comm)
{
}

/* Values have no blanks, so that lines can be split at blanks. */
TEST_F(comm, escaped)
{
	struct gup_pin_stats stats;
	struct gup_pin_want want;
	char *mem;
	int ring;

	ring = uring_open();
	if (ring < 0)
		SKIP(return, "no io_uring: %s", strerror(errno));
	mem = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	mem[0] = 1;
	ASSERT_EQ(0, prctl(PR_SET_NAME, variant->name));
	ASSERT_EQ(0, uring_register_one(ring, mem, PAGE_SIZE));
	gup_pin_want_self(&want, "pin_user_pages_fast", 'w', "long", "anon");
	want.comm = variant->printed;
	ASSERT_OK(gup_pin_check_pages(&want, 0, mem, 1));
	ASSERT_OK(gup_pin_read_stats(&stats));
	EXPECT_NE(0, stats.memory_bytes);
	EXPECT_LE(1, stats.live_origins);
	ASSERT_EQ(0, uring_unregister(ring));
	close(ring);
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
