// SPDX-License-Identifier: GPL-2.0
/* Memory regions of an RDMA device in software, by write() to its uverbs device. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/siw-abi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "gup_pin_pinners.h"
#include "gup_pin_rdma.h"
#include "gup_pin_util.h"

#define NETDEV		"gup_pin_net"
#define IBDEV		"gup_pin_rdma"
#define CLASS		"/sys/class/infiniband_verbs"
#define FIND_TOOLS	"PATH=$PATH:/sbin:/usr/sbin; "

/*
 * Commands as they are written: the header's sizes count words of 4 bytes. What rxe does
 * not want of the last member, it does not look at.
 */
struct get_context {
	struct ib_uverbs_cmd_hdr hdr;
	struct ib_uverbs_get_context cmd;
};

struct get_context_resp {
	struct ib_uverbs_get_context_resp resp;
	struct siw_uresp_alloc_ctx driver;
};

struct alloc_pd {
	struct ib_uverbs_cmd_hdr hdr;
	struct ib_uverbs_alloc_pd cmd;
};

struct reg_mr {
	struct ib_uverbs_cmd_hdr hdr;
	struct ib_uverbs_reg_mr cmd;
	struct siw_ureq_reg_mr driver;
};

struct reg_mr_resp {
	struct ib_uverbs_reg_mr_resp resp;
	struct siw_uresp_reg_mr driver;
};

struct rereg_mr {
	struct ib_uverbs_cmd_hdr hdr;
	struct ib_uverbs_rereg_mr cmd;
};

struct dereg_mr {
	struct ib_uverbs_cmd_hdr hdr;
	struct ib_uverbs_dereg_mr cmd;
};

static int call(struct gup_pin_rdma *rdma, __u32 number, void *request, size_t size,
		size_t answer_size)
{
	struct ib_uverbs_cmd_hdr *hdr = request;

	hdr->command = number;
	hdr->in_words = size / 4;
	hdr->out_words = answer_size / 4;
	return write(rdma->fd, request, size) == (ssize_t)size ? 0 : -errno;
}

static __u64 pointer(void *p)
{
	return (unsigned long)p;
}

const char *gup_pin_rdma_missing(const char *driver)
{
	if (!strcmp(driver, "rxe") && access("/sys/module/rdma_rxe", F_OK))
		return "rdma_rxe is not loaded (CONFIG_RDMA_RXE)";
	if (!strcmp(driver, "siw") && access("/sys/module/siw", F_OK))
		return "siw is not loaded (CONFIG_RDMA_SIW)";
	if (access("/sys/module/ib_uverbs", F_OK))
		return "ib_uverbs is not loaded (CONFIG_INFINIBAND_USER_ACCESS)";
	return NULL;
}

static const char *run(const char *command)
{
	int status = system(command);

	return status ? gup_pin_problem("'%s' ended with 0x%x", command, status) : NULL;
}

/* Its name in sysfs, which is that in /dev, too. */
static const char *open_device(struct gup_pin_rdma *rdma)
{
	const char *problem = "there is no uverbs device of " IBDEV;
	DIR *dir = opendir(CLASS);
	struct dirent *entry;
	char path[300], *name;

	while (dir && rdma->fd < 0 && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), CLASS "/%s/ibdev", entry->d_name);
		if (entry->d_name[0] == '.' || gup_pin_slurp(path, &name, NULL))
			continue;
		if (!strcmp(name, IBDEV "\n")) {
			snprintf(path, sizeof(path), "/dev/infiniband/%s", entry->d_name);
			rdma->fd = open(path, O_RDWR | O_CLOEXEC);
			problem = rdma->fd < 0 ? gup_pin_problem("%s: %s", path,
								 strerror(errno)) : NULL;
		}
		free(name);
	}
	if (dir)
		closedir(dir);
	return problem;
}

static int get_context(struct gup_pin_rdma *rdma)
{
	struct get_context_resp resp = {};
	struct get_context get = { .cmd.response = pointer(&resp) };
	int ret = call(rdma, IB_USER_VERBS_CMD_GET_CONTEXT, &get, sizeof(get), sizeof(resp));

	/* Its events: nothing is asked for. */
	if (!ret)
		close(resp.resp.async_fd);
	return ret;
}

int gup_pin_rdma_new_pd(struct gup_pin_rdma *rdma, __u32 *pd)
{
	struct ib_uverbs_alloc_pd_resp resp = {};
	struct alloc_pd alloc = { .cmd.response = pointer(&resp) };
	int ret = call(rdma, IB_USER_VERBS_CMD_ALLOC_PD, &alloc, sizeof(alloc), sizeof(resp));

	*pd = resp.pd_handle;
	return ret;
}

const char *gup_pin_rdma_open(struct gup_pin_rdma *rdma, const char *driver)
{
	const char *problem;
	char command[200];

	memset(rdma, 0, sizeof(*rdma));
	rdma->driver = driver;
	rdma->fd = -1;
	problem = run(FIND_TOOLS "ip link add " NETDEV " type dummy && ip link set " NETDEV " up");
	if (problem)
		return problem;
	rdma->added = true;
	snprintf(command, sizeof(command),
		 FIND_TOOLS "rdma link add " IBDEV " type %s netdev " NETDEV, driver);
	return run(command) ?: gup_pin_rdma_open_again(rdma);
}

const char *gup_pin_rdma_address(const char *address)
{
	char command[200];

	snprintf(command, sizeof(command), FIND_TOOLS "ip address add %s dev " NETDEV, address);
	return run(command);
}

const char *gup_pin_rdma_open_again(struct gup_pin_rdma *rdma)
{
	const char *problem;
	int ret;

	rdma->fd = -1;
	problem = open_device(rdma);
	if (problem)
		return problem;
	ret = get_context(rdma) ?: gup_pin_rdma_new_pd(rdma, &rdma->pd);
	return ret ? gup_pin_problem("cannot use %s: %s", rdma->driver, strerror(-ret)) : NULL;
}

void gup_pin_rdma_close(struct gup_pin_rdma *rdma)
{
	if (!rdma->added)
		return;
	if (rdma->fd >= 0)
		close(rdma->fd);
	rdma->fd = -1;
	run(FIND_TOOLS "rdma link delete " IBDEV);
	run(FIND_TOOLS "ip link delete " NETDEV);
	rdma->added = false;
}

int gup_pin_rdma_reg(struct gup_pin_rdma *rdma, const void *addr, size_t size, __u32 access,
		     __u32 *mr)
{
	struct reg_mr_resp resp = {};
	struct reg_mr reg = {
		.cmd.response = pointer(&resp),
		.cmd.start = (unsigned long)addr,
		.cmd.length = size,
		.cmd.hca_va = (unsigned long)addr,
		.cmd.pd_handle = rdma->pd,
		.cmd.access_flags = access,
	};
	int ret = gup_pin_patiently(call(rdma, IB_USER_VERBS_CMD_REG_MR, &reg, sizeof(reg),
					 sizeof(resp)));

	*mr = resp.resp.mr_handle;
	return ret;
}

int gup_pin_rdma_rereg(struct gup_pin_rdma *rdma, __u32 mr, __u32 bits, __u32 access, __u32 pd)
{
	struct ib_uverbs_rereg_mr_resp resp = {};
	struct rereg_mr rereg = {
		.cmd.response = pointer(&resp),
		.cmd.mr_handle = mr,
		.cmd.flags = bits,
		.cmd.access_flags = access,
		.cmd.pd_handle = pd,
	};

	return call(rdma, IB_USER_VERBS_CMD_REREG_MR, &rereg, sizeof(rereg), sizeof(resp));
}

int gup_pin_rdma_dereg(struct gup_pin_rdma *rdma, __u32 mr)
{
	struct dereg_mr dereg = { .cmd.mr_handle = mr };

	return call(rdma, IB_USER_VERBS_CMD_DEREG_MR, &dereg, sizeof(dereg), 0);
}
