// SPDX-License-Identifier: GPL-2.0
/*
 * RDS over RDMA, on a device in software: memory that a peer may access, and memory that a
 * peer's is copied to or from. Pinned by pin_user_pages_fast(), long-term, and unpinned page by
 * page.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rds.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "gup_pin_frame.h"
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_rdma.h"
#include "gup_pin_util.h"

#define ADDRESS		"10.98.0.1"
/* There is no such peer: what is sent to it waits. */
#define NO_ADDRESS	"10.98.0.2"
#define FIRST_PORT	4000
#define NPAGES		4

FIXTURE(rds)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	struct gup_pin_rdma rdma;
	int sock;
	int peer;
};

static struct sockaddr_in address(const char *text, int port)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};

	inet_pton(AF_INET, text, &sin.sin_addr);
	return sin;
}

/* The device takes a moment to know the network's address, and RDS one to know the device. */
static const char *open_socket(int *sock, int port)
{
	struct sockaddr_in sin = address(ADDRESS, port);
	int transport = RDS_TRANS_IB, ret;
	unsigned int waited = 0;

	*sock = socket(AF_RDS, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (*sock < 0)
		return gup_pin_problem("AF_RDS: %s", strerror(errno));
	if (setsockopt(*sock, SOL_RDS, SO_RDS_TRANSPORT, &transport, sizeof(transport)))
		return gup_pin_problem("SO_RDS_TRANSPORT: %s", strerror(errno));
	do {
		ret = bind(*sock, (struct sockaddr *)&sin, sizeof(sin));
	} while (ret && gup_pin_patience(&waited));
	return ret ? gup_pin_problem("bind: %s", strerror(errno)) : NULL;
}

FIXTURE_SETUP(rds)
{
	const char *missing = gup_pin_missing() ?: gup_pin_rdma_missing("rxe");

	self->sock = -1;
	self->peer = -1;
	if (!missing && access("/sys/module/rds_rdma", F_OK))
		missing = "rds_rdma is not loaded (CONFIG_RDS_RDMA)";
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_rdma_open(&self->rdma, "rxe"));
	ASSERT_OK(gup_pin_rdma_address(ADDRESS "/24"));
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_mem_get(&self->mem, MEM_ANON, NPAGES * PAGE_SIZE));
	ASSERT_OK(gup_pin_mem_settle(&self->mem));
	ASSERT_OK(open_socket(&self->sock, FIRST_PORT));
	ASSERT_OK(open_socket(&self->peer, FIRST_PORT + 1));
}

FIXTURE_TEARDOWN(rds)
{
	if (self->sock >= 0)
		close(self->sock);
	if (self->peer >= 0)
		close(self->peer);
	gup_pin_rdma_close(&self->rdma);
	gup_pin_mem_put(&self->mem);
}

/* A message with what is to be done besides, if size is not 0. Returns 0, or -errno. */
static int send_message(int sock, struct sockaddr_in to, int type, const void *args, size_t size)
{
	size_t control[CMSG_SPACE(256) / sizeof(size_t)] = {};
	char byte = 'm';
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_name = &to,
		.msg_namelen = sizeof(to),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = size ? control : NULL,
		.msg_controllen = size ? CMSG_SPACE(size) : 0,
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	if (cmsg) {
		cmsg->cmsg_level = SOL_RDS;
		cmsg->cmsg_type = type;
		cmsg->cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(cmsg), args, size);
	}
	return sendmsg(sock, &msg, MSG_DONTWAIT) == 1 ? 0 : -errno;
}

static const char *check_held(const struct gup_pin_mem *mem, char mode, size_t npages,
			      const char *pinner)
{
	struct gup_pin_want want;

	gup_pin_want_mem(&want, "pin_user_pages_fast", mode, "long", mem);
	want.comm = "gup_pin_rds";
	return gup_pin_check_pages(&want, 0, mem->addr, npages) ?:
		gup_pin_check_frame(getpid(), pinner);
}

/* Both sockets are on one address: the device sends to itself. */
static const char *connect_peer(int sock, int peer)
{
	struct pollfd ready = { .fd = peer, .events = POLLIN };
	int ret = send_message(sock, address(ADDRESS, FIRST_PORT + 1), 0, NULL, 0);
	char byte;

	if (ret)
		return gup_pin_problem("sendmsg: %s", strerror(-ret));
	if (poll(&ready, 1, GUP_PIN_PATIENCE_MS) != 1 || recv(peer, &byte, 1, 0) != 1)
		return "no message has arrived";
	return NULL;
}

/* The peer may write to memory that is named in a message to it. */
TEST_F(rds, region)
{
	rds_rdma_cookie_t cookie = 0;
	struct rds_get_mr_args args = {
		.vec = {
			.addr = (unsigned long)self->mem.addr,
			.bytes = self->mem.size,
		},
		.cookie_addr = (unsigned long)&cookie,
		.flags = RDS_RDMA_READWRITE,
	};
	struct rds_free_mr_args release = { .flags = RDS_RDMA_INVALIDATE };

	ASSERT_OK(connect_peer(self->sock, self->peer));
	ASSERT_EQ(0, send_message(self->sock, address(ADDRESS, FIRST_PORT + 1), RDS_CMSG_RDMA_MAP,
				  &args, sizeof(args)));
	ASSERT_OK(check_held(&self->mem, 'w', NPAGES, "rds_pin_pages|__rds_rdma_map"));
	release.cookie = cookie;
	ASSERT_EQ(0, setsockopt(self->sock, SOL_RDS, RDS_FREE_MR, &release, sizeof(release)));
	ASSERT_OK(gup_pin_wait_task(getpid(), 0));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* What is to be copied waits for the peer, until the socket is closed. */
static const char *check_copy(struct _test_data_rds *self, bool to_peer)
{
	struct rds_iovec local = {
		.addr = (unsigned long)self->mem.addr,
		.bytes = self->mem.size,
	};
	struct rds_rdma_args args = {
		.remote_vec.bytes = self->mem.size,
		.local_vec_addr = (unsigned long)&local,
		.nr_local = 1,
		.flags = to_peer ? RDS_RDMA_READWRITE : 0,
	};
	int ret = send_message(self->sock, address(NO_ADDRESS, FIRST_PORT), RDS_CMSG_RDMA_ARGS,
			       &args, sizeof(args));
	const char *problem;

	if (ret)
		return gup_pin_problem("sendmsg: %s", strerror(-ret));
	problem = check_held(&self->mem, to_peer ? 'r' : 'w', NPAGES,
			     "rds_pin_pages|rds_cmsg_rdma_args");
	close(self->sock);
	self->sock = -1;
	return problem ?: gup_pin_wait_task(getpid(), 0);
}

TEST_F(rds, copy_to_peer)
{
	ASSERT_OK(check_copy(self, true));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_F(rds, copy_from_peer)
{
	ASSERT_OK(check_copy(self, false));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* The former value of a number of the peer's, which is changed. */
TEST_F(rds, atomic)
{
	struct rds_atomic_args args = {
		.local_addr = (unsigned long)self->mem.addr + 8,
		.fadd.add = 1,
	};

	ASSERT_EQ(0, send_message(self->sock, address(NO_ADDRESS, FIRST_PORT),
				  RDS_CMSG_ATOMIC_FADD, &args, sizeof(args)));
	ASSERT_OK(check_held(&self->mem, 'w', 1, "rds_pin_pages|rds_cmsg_atomic"));
	ASSERT_EQ(0, close(self->sock));
	self->sock = -1;
	ASSERT_OK(gup_pin_wait_task(getpid(), 0));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
