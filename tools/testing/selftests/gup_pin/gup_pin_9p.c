// SPDX-License-Identifier: GPL-2.0
/* A 9p file system of one file, without a library: the protocol is 9P2000.L. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "gup_pin_9p.h"
#include "gup_pin_util.h"

/* Types of requests; those of answers are one higher. */
enum {
	LERROR = 6,
	LOPEN = 12,
	GETATTR = 24,
	SETATTR = 26,
	FSYNC = 50,
	VERSION = 100,
	ATTACH = 104,
	FLUSH = 108,
	WALK = 110,
	READ = 116,
	WRITE = 118,
	CLUNK = 120,
};

#define VERSION_TEXT	"9P2000.L"
#define HEADER		7	/* size, type and tag */
#define MESSAGE_MAX	(SERVED_MOST + 64)
#define FIDS		1024
#define DIRECTORY	0x80	/* a qid's type */

static size_t file_size;
/* Which fids are the file; the others are the directory. */
static bool is_file[FIDS];

/* An answer that is being written. */
static struct {
	uint8_t data[MESSAGE_MAX];
	size_t size;
} out;

static void put(uint64_t value, size_t bytes)
{
	/* Little endian, as x86 is. */
	memcpy(out.data + out.size, &value, bytes);
	out.size += bytes;
}

/* Type, version and number of a node. */
static void put_qid(bool file)
{
	put(file ? 0 : DIRECTORY, 1);
	put(1, 4);
	put(file ? 2 : 1, 8);
}

static uint64_t get(const uint8_t *data, size_t bytes)
{
	uint64_t value = 0;

	memcpy(&value, data, bytes);
	return value;
}

static void put_attr(bool file)
{
	put(~0ULL, 8);
	put_qid(file);
	put(file ? S_IFREG | 0600 : S_IFDIR | 0755, 4);
	put(0, 4);
	put(0, 4);
	put(1, 8);
	put(0, 8);
	put(file ? file_size : 0, 8);
	put(PAGE_SIZE, 8);
	put(file ? file_size / 512 : 0, 8);
	/* Times, generation and version: all 0. */
	memset(out.data + out.size, 0, 80);
	out.size += 80;
}

static int walk(const uint8_t *body)
{
	uint32_t from = get(body, 4) % FIDS, to = get(body + 4, 4) % FIDS;
	unsigned int names = get(body + 8, 2), len;

	if (names > 1)
		return -ENOENT;
	if (names) {
		len = get(body + 10, 2);
		if (is_file[from] || len != strlen(SERVED_NAME) ||
		    memcmp(body + 12, SERVED_NAME, len))
			return -ENOENT;
	}
	is_file[to] = names || is_file[from];
	put(names, 2);
	if (names)
		put_qid(true);
	return 0;
}

/* Puts the body of an answer; returns 0 or -errno. */
static int answer(unsigned int type, const uint8_t *body, const bool *held)
{
	uint32_t fid = get(body, 4) % FIDS;
	size_t count;

	switch (type) {
	case VERSION:
		count = get(body, 4);
		put(count < MESSAGE_MAX ? count : MESSAGE_MAX, 4);
		put(strlen(VERSION_TEXT), 2);
		memcpy(out.data + out.size, VERSION_TEXT, strlen(VERSION_TEXT));
		out.size += strlen(VERSION_TEXT);
		return 0;
	case ATTACH:
		is_file[fid] = false;
		put_qid(false);
		return 0;
	case WALK:
		return walk(body);
	case GETATTR:
		put_attr(is_file[fid]);
		return 0;
	case LOPEN:
		put_qid(is_file[fid]);
		put(0, 4);
		return 0;
	case READ:
		gup_pin_served_wait(held);
		count = get(body + 12, 4);
		if (count > SERVED_MOST)
			return -EIO;
		put(count, 4);
		memset(out.data + out.size, 'p', count);
		out.size += count;
		return 0;
	case WRITE:
		gup_pin_served_wait(held);
		put(get(body + 12, 4), 4);
		return 0;
	case CLUNK:
	case FLUSH:
	case FSYNC:
	case SETATTR:
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static bool receive(int fd, uint8_t *data, size_t size)
{
	return recv(fd, data, size, MSG_WAITALL) == (ssize_t)size;
}

static void serve(int fd, const bool *held)
{
	static uint8_t in[MESSAGE_MAX];
	unsigned int type;
	uint32_t size;
	int error;

	while (receive(fd, in, HEADER)) {
		size = get(in, 4);
		if (size < HEADER || size > sizeof(in) || !receive(fd, in + HEADER, size - HEADER))
			return;
		type = in[4];
		out.size = HEADER;
		error = answer(type, in + HEADER, held);
		if (error) {
			type = LERROR;
			out.size = HEADER;
			put(-error, 4);
		}
		size = out.size;
		memcpy(out.data, &size, 4);
		out.data[4] = type + 1;
		memcpy(out.data + 5, in + 5, 2);
		if (send(fd, out.data, size, MSG_NOSIGNAL) != (ssize_t)size)
			return;
	}
}

const char *gup_pin_9p_mount(struct gup_pin_served *served, size_t size)
{
	const char *problem;
	char options[100];
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return gup_pin_problem("socketpair: %s", strerror(errno));
	file_size = size;
	snprintf(options, sizeof(options),
		 "trans=fd,rfdno=%d,wfdno=%d,version=9p2000.L,cache=none", pair[0], pair[0]);
	problem = gup_pin_served_mount(served, "9p", options, pair[1], serve);
	close(pair[0]);
	return problem;
}
