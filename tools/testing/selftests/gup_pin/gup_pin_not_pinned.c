// SPDX-License-Identifier: GPL-2.0
/*
 * Users that take references to pages of a program, and do not pin them: no record is
 * made.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_nfs.h"
#include "gup_pin_util.h"
#include "gup_pin_way.h"

#define NPAGES	4
#define SIZE	(NPAGES * PAGE_SIZE)

FIXTURE(not_pinned)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	unsigned long acquired;
	int sock[2];
};

FIXTURE_SETUP(not_pinned)
{
	const char *missing = gup_pin_missing();

	if (missing)
		SKIP(return, "%s", missing);
	self->sock[0] = -1;
	self->sock[1] = -1;
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_mem_get(&self->mem, MEM_ANON, SIZE));
	ASSERT_OK(gup_pin_read_stat("acquired", &self->acquired));
}

FIXTURE_TEARDOWN(not_pinned)
{
	if (self->sock[0] >= 0)
		close(self->sock[0]);
	if (self->sock[1] >= 0)
		close(self->sock[1]);
	gup_pin_mem_put(&self->mem);
}

static const char *check(const struct _test_data_not_pinned *self)
{
	const char *problem;
	unsigned long now;

	problem = gup_pin_check_no_lines(getpid()) ?: gup_pin_read_stat("acquired", &now);
	if (problem)
		return problem;
	if (now != self->acquired)
		return gup_pin_problem("%lu pins were taken", now - self->acquired);
	return gup_pin_end(&self->base);
}

/* Both ends of a TCP connection on the loopback device. */
static const char *connect_both(int sock[2])
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	sock[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, len) ||
	    listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &len) ||
	    connect(sock[0], (struct sockaddr *)&address, len))
		return gup_pin_problem("TCP: %s", strerror(errno));
	sock[1] = accept(listener, NULL, NULL);
	close(listener);
	return sock[1] < 0 ? gup_pin_problem("accept: %s", strerror(errno)) : NULL;
}

static const char *receive_all(int sock, size_t size)
{
	static char data[SIZE];
	ssize_t got;

	for (; size; size -= got) {
		got = recv(sock, data, sizeof(data), 0);
		if (got <= 0)
			return gup_pin_problem("recv: %s", strerror(errno));
	}
	return NULL;
}

/* The pages are in the pipe meanwhile. */
TEST_F(not_pinned, vmsplice)
{
	struct iovec iov = { self->mem.addr, SIZE };
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ((ssize_t)SIZE, vmsplice(ends[1], &iov, 1, 0));
	ASSERT_OK(check(self));
	ASSERT_OK(connect_both(self->sock));
	ASSERT_EQ((ssize_t)SIZE, splice(ends[0], NULL, self->sock[0], NULL, SIZE, 0));
	ASSERT_OK(receive_all(self->sock[1], SIZE));
	close(ends[0]);
	close(ends[1]);
	ASSERT_OK(check(self));
}

/* They are in the socket until the other end has received them. */
TEST_F(not_pinned, zero_copy)
{
	int one = 1;

	ASSERT_OK(connect_both(self->sock));
	ASSERT_EQ(0, setsockopt(self->sock[0], SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)));
	ASSERT_EQ((ssize_t)SIZE, send(self->sock[0], self->mem.addr, SIZE, MSG_ZEROCOPY));
	ASSERT_OK(check(self));
	ASSERT_OK(receive_all(self->sock[1], SIZE));
	ASSERT_OK(check(self));
}

static bool start_tls(int sock, int direction)
{
	struct tls12_crypto_info_aes_gcm_128 info = {
		.info.version = TLS_1_2_VERSION,
		.info.cipher_type = TLS_CIPHER_AES_GCM_128,
	};

	return !setsockopt(sock, SOL_TLS, direction, &info, sizeof(info));
}

/* From a program's own memory, and from a pipe. */
TEST_F(not_pinned, tls)
{
	struct iovec iov = { self->mem.addr, SIZE };
	int ends[2];

	ASSERT_OK(connect_both(self->sock));
	if (setsockopt(self->sock[0], IPPROTO_TCP, TCP_ULP, "tls", 3))
		SKIP(return, "no TLS of TCP (CONFIG_TLS): %s", strerror(errno));
	ASSERT_EQ(0, setsockopt(self->sock[1], IPPROTO_TCP, TCP_ULP, "tls", 3));
	ASSERT_TRUE(start_tls(self->sock[0], TLS_TX));
	ASSERT_TRUE(start_tls(self->sock[1], TLS_RX));
	ASSERT_EQ((ssize_t)SIZE, send(self->sock[0], self->mem.addr, SIZE, 0));
	ASSERT_OK(receive_all(self->sock[1], SIZE));
	ASSERT_OK(check(self));
	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ((ssize_t)SIZE, vmsplice(ends[1], &iov, 1, 0));
	ASSERT_EQ((ssize_t)SIZE, splice(ends[0], NULL, self->sock[0], NULL, SIZE, 0));
	ASSERT_OK(receive_all(self->sock[1], SIZE));
	close(ends[0]);
	close(ends[1]);
	ASSERT_OK(check(self));
}

FIXTURE(nfs)
{
	struct _test_data_not_pinned own;
	struct gup_pin_nfs nfs;
	int file;
};

FIXTURE_SETUP(nfs)
{
	const char *missing = gup_pin_missing() ?: gup_pin_nfs_missing();
	char path[80];

	self->file = -1;
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_nfs_mount(&self->nfs));
	ASSERT_OK(gup_pin_begin(&self->own.base));
	ASSERT_OK(gup_pin_mem_get(&self->own.mem, MEM_ANON, SIZE));
	snprintf(path, sizeof(path), "%s/data", self->nfs.dir);
	self->file = open(path, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
	ASSERT_LE(0, self->file) {
		TH_LOG("%s: %s", path, strerror(errno));
	}
	ASSERT_OK(gup_pin_read_stat("acquired", &self->own.acquired));
}

FIXTURE_TEARDOWN(nfs)
{
	if (self->file >= 0)
		close(self->file);
	gup_pin_mem_put(&self->own.mem);
	gup_pin_nfs_unmount(&self->nfs);
}

/* The client takes references for O_DIRECT. */
TEST_F(nfs, direct)
{
	enum gup_pin_way way;

	for (way = 0; way < WAYS; way++) {
		ASSERT_OK(gup_pin_way_go(way, self->file, true, self->own.mem.addr, SIZE));
		ASSERT_OK(gup_pin_way_go(way, self->file, false, self->own.mem.addr, SIZE));
	}
	ASSERT_OK(check(&self->own));
}

TEST_HARNESS_MAIN
