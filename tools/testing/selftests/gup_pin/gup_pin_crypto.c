// SPDX-License-Identifier: GPL-2.0
/*
 * AF_ALG: what a program has hashed, or ciphered, is pinned by extract_iter_to_sg(),
 * short term.
 */
#include <errno.h>
#include <linux/if_alg.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_frame.h"
#include "gup_pin_gate.h"
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_util.h"

#define NPAGES	4
#define ALL	((NPAGES + 1) * PAGE_SIZE)	/* with the one that it waits for */

FIXTURE(crypto)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	struct gup_pin_gate gate;
	pid_t child;
};

FIXTURE_VARIANT(crypto)
{
	const char *type;
	const char *name;
	bool read;
	const char *pinner;
	enum gup_pin_mem_kind kind;
	size_t size;
};

FIXTURE_VARIANT_ADD(crypto, hash)
{
	.type = "hash", .name = "sha256", .pinner = "hash_sendmsg",
	.kind = MEM_SHARED_ANON, .size = NPAGES * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(crypto, hash_hugetlb)
{
	.type = "hash", .name = "sha256", .pinner = "hash_sendmsg",
	.kind = MEM_MEMFD_HUGETLB, .size = SIZE_2M,
};

FIXTURE_VARIANT_ADD(crypto, cipher)
{
	.type = "skcipher", .name = "cbc(aes)", .read = true, .pinner = "af_alg_get_rsgl",
	.kind = MEM_SHARED_ANON, .size = NPAGES * PAGE_SIZE,
};

static int open_algorithm(const char *type, const char *name)
{
	struct sockaddr_alg address = { .salg_family = AF_ALG };
	int sock = socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf((char *)address.salg_type, sizeof(address.salg_type), "%s", type);
	snprintf((char *)address.salg_name, sizeof(address.salg_name), "%s", name);
	if (sock >= 0 && bind(sock, (struct sockaddr *)&address, sizeof(address))) {
		close(sock);
		return -1;
	}
	return sock;
}

/* The text that is to be ciphered: it is copied, not pinned. */
static bool send_text(int sock)
{
	static char text[ALL];
	char control[CMSG_SPACE(4) + CMSG_SPACE(4 + 16)] = {};
	struct iovec iov = { text, sizeof(text) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	int size = 16;

	cmsg->cmsg_level = SOL_ALG;
	cmsg->cmsg_type = ALG_SET_OP;
	cmsg->cmsg_len = CMSG_LEN(4);
	*(__u32 *)CMSG_DATA(cmsg) = ALG_OP_ENCRYPT;
	cmsg = CMSG_NXTHDR(&msg, cmsg);
	cmsg->cmsg_level = SOL_ALG;
	cmsg->cmsg_type = ALG_SET_IV;
	cmsg->cmsg_len = CMSG_LEN(4 + size);
	memcpy(CMSG_DATA(cmsg), &size, sizeof(size));
	return sendmsg(sock, &msg, 0) == (ssize_t)sizeof(text);
}

static int work(const struct _fixture_variant_crypto *variant, char *addr, char *page)
{
	struct iovec iov[2] = { { addr, NPAGES * PAGE_SIZE }, { page, PAGE_SIZE } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	int sock = open_algorithm(variant->type, variant->name), op;

	if (variant->read && setsockopt(sock, SOL_ALG, ALG_SET_KEY, "0123456789abcdef", 16))
		return 2;
	op = accept(sock, NULL, NULL);
	if (op < 0)
		return 3;
	if (!variant->read)
		return sendmsg(op, &msg, 0) != ALL;
	return !send_text(op) || recvmsg(op, &msg, 0) != ALL;
}

FIXTURE_SETUP(crypto)
{
	const char *missing = gup_pin_missing() ?: gup_pin_gate_missing() ?:
		gup_pin_mem_missing(variant->kind);
	int sock;

	if (missing)
		SKIP(return, "%s", missing);
	sock = open_algorithm(variant->type, variant->name);
	if (sock < 0)
		SKIP(return, "no %s of AF_ALG (CONFIG_CRYPTO_USER_API_%s): %s", variant->name,
		     variant->read ? "SKCIPHER" : "HASH", strerror(errno));
	close(sock);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_gate_create(&self->gate));
	ASSERT_OK(gup_pin_mem_get(&self->mem, variant->kind, variant->size));
	self->child = fork();
	ASSERT_LE(0, self->child);
	if (!self->child) {
		char *page;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "gup_pin crypto");
		page = gup_pin_gate_page(&self->gate);
		_exit(page ? work(variant, self->mem.addr, page) : 4);
	}
	ASSERT_OK(gup_pin_wait_task(self->child, NPAGES));
}

FIXTURE_TEARDOWN(crypto)
{
	if (self->child > 0) {
		kill(self->child, SIGKILL);
		waitpid(self->child, NULL, 0);
	}
	gup_pin_gate_close(&self->gate);
	gup_pin_mem_put(&self->mem);
}

TEST_F(crypto, under_way)
{
	struct gup_pin_want want;
	int status;

	gup_pin_want_mem(&want, "pin_user_pages_fast", variant->read ? 'w' : 'r', "short",
			 &self->mem);
	want.has_index = true;
	want.comm = "gup_pin\\x20crypto";
	want.tgid = self->child;
	want.pid = self->child;
	want.owner = self->child;
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, NPAGES));
	ASSERT_OK(gup_pin_check_frame(self->child, variant->pinner));
	ASSERT_OK(gup_pin_gate_open(&self->gate));
	ASSERT_EQ(self->child, waitpid(self->child, &status, 0));
	self->child = 0;
	EXPECT_EQ(0, status);
	ASSERT_OK(gup_pin_end(&self->base));
}

/* What was pinned before the page that never comes is unpinned. */
TEST_F(crypto, killed)
{
	pid_t child = self->child;

	kill(child, SIGKILL);
	ASSERT_EQ(child, waitpid(child, NULL, 0));
	self->child = 0;
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
