// SPDX-License-Identifier: GPL-2.0
/* A simulated virtio device, and the memory that vhost-vdpa gives it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"
#include "gup_pin_vdpa.h"

#define NAME		"gup_pin_vdpa"
#define DEVICE		"/sys/bus/vdpa/devices/" NAME
#define FIND_TOOLS	"PATH=$PATH:/sbin:/usr/sbin; "

const char *gup_pin_vdpa_missing(void)
{
	if (access("/sys/module/vdpa_sim", F_OK))
		return "vdpa_sim is not loaded (CONFIG_VDPA_SIM)";
	if (access("/sys/module/vhost_vdpa", F_OK))
		return "vhost_vdpa is not loaded (CONFIG_VHOST_VDPA)";
	return NULL;
}

static const char *run(const char *command)
{
	int status = system(command);

	return status ? gup_pin_problem("'%s' ended with 0x%x", command, status) : NULL;
}

/* Its name below the device's folder is that in /dev. */
static const char *open_device(int *fd)
{
	DIR *dir = opendir(DEVICE);
	struct dirent *entry;
	char path[300] = "";

	while (dir && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, "vhost-vdpa-", 11))
			snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
	if (dir)
		closedir(dir);
	*fd = open(path, O_RDWR | O_CLOEXEC);
	return *fd < 0 ? gup_pin_problem("'%s': %s", path, strerror(errno)) : NULL;
}

static const char *start_device(int fd)
{
	__u64 features = 1 << VHOST_BACKEND_F_IOTLB_MSG_V2;

	if (ioctl(fd, VHOST_SET_OWNER) || ioctl(fd, VHOST_SET_BACKEND_FEATURES, &features))
		return gup_pin_problem("vhost-vdpa: %s", strerror(errno));
	return NULL;
}

const char *gup_pin_vdpa_open(int *fd)
{
	return open_device(fd) ?: start_device(*fd);
}

/* More than a process may lock otherwise, though it is root's. */
static void lift_limit(void)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_MEMLOCK, &all);
}

const char *gup_pin_vdpa_add(const char *driver)
{
	char command[200];

	lift_limit();
	snprintf(command, sizeof(command), FIND_TOOLS "vdpa dev add name " NAME
		 " mgmtdev vdpasim_%s", driver);
	return run(command);
}

const char *gup_pin_vdpa_remove(void)
{
	return access(DEVICE, F_OK) ? NULL : run(FIND_TOOLS "vdpa dev del " NAME);
}

static int send_msg(int fd, struct vhost_iotlb_msg *iotlb)
{
	struct vhost_msg_v2 msg = { .type = VHOST_IOTLB_MSG_V2, .iotlb = *iotlb };

	return write(fd, &msg, sizeof(msg)) == sizeof(msg) ? 0 : -errno;
}

int vdpa_map(int fd, unsigned long iova, const void *addr, size_t size, __u8 perm)
{
	struct vhost_iotlb_msg msg = {
		.type = VHOST_IOTLB_UPDATE,
		.iova = iova,
		.size = size,
		.uaddr = (unsigned long)addr,
		.perm = perm,
	};

	return gup_pin_patiently(send_msg(fd, &msg));
}

int vdpa_unmap(int fd, unsigned long iova, size_t size)
{
	struct vhost_iotlb_msg msg = {
		.type = VHOST_IOTLB_INVALIDATE,
		.iova = iova,
		.size = size,
	};

	return send_msg(fd, &msg);
}
