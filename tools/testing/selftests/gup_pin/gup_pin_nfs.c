// SPDX-License-Identifier: GPL-2.0
/*
 * An NFS 4.2 mount of a tmpfs on the same machine. The server gets rpc.mountd's answers
 * before it asks for them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>
#include "gup_pin_nfs.h"
#include "gup_pin_util.h"

#define CONTROL		"/proc/fs/nfsd/"
#define CACHES		"/proc/net/rpc/"
#define CLIENT		"gup_pin"
#define FOREVER		"2147483647"
/* From any port, root is root, one file system with the number 0. */
#define FLAGS		(0x0002 | 0x0400 | 0x2000)

const char *gup_pin_nfs_missing(void)
{
	if (access("/sys/module/nfsd", F_OK))
		return "nfsd is not loaded (CONFIG_NFSD)";
	if (access("/sys/module/nfsv4", F_OK))
		return "nfsv4 is not loaded (CONFIG_NFS_V4)";
	return NULL;
}

static const char *tell_server(const char *export)
{
	const char *problem;
	char line[200];

	snprintf(line, sizeof(line), "nfsd 127.0.0.1 " FOREVER " " CLIENT "\n");
	problem = gup_pin_write(CACHES "auth.unix.ip/channel", line);
	if (problem)
		return problem;
	snprintf(line, sizeof(line), CLIENT " %s " FOREVER " %d 65534 65534 0\n", export, FLAGS);
	problem = gup_pin_write(CACHES "nfsd.export/channel", line);
	if (problem)
		return problem;
	snprintf(line, sizeof(line), CLIENT " 1 \\x00000000 " FOREVER " %s\n", export);
	return gup_pin_write(CACHES "nfsd.fh/channel", line);
}

static const char *start_server(struct gup_pin_nfs *nfs)
{
	const char *problem;

	if (access(CONTROL "threads", F_OK) && mount("nfsd", "/proc/fs/nfsd", "nfsd", 0, NULL))
		return gup_pin_problem("cannot mount nfsd: %s", strerror(errno));
	/* As short as can be: for so long, nothing is opened, for clients of the past. */
	problem = gup_pin_write(CONTROL "nfsv4leasetime", "10\n") ?:
		gup_pin_write(CONTROL "nfsv4gracetime", "10\n") ?:
		gup_pin_write(CONTROL "versions", "-3 +4 +4.1 +4.2\n") ?:
		gup_pin_write(CONTROL "portlist", "tcp 2049\n") ?:
		gup_pin_write(CONTROL "threads", "2\n");
	nfs->serves = !problem;
	return problem ?: tell_server(nfs->export);
}

static const char *mount_new(char *dir, size_t size, const char *what, const char *type,
			     const char *options)
{
	snprintf(dir, size, "/tmp/gup_pin.XXXXXX");
	if (!mkdtemp(dir)) {
		dir[0] = '\0';
		return gup_pin_problem("mkdtemp: %s", strerror(errno));
	}
	if (!mount(what, dir, type, 0, options))
		return NULL;
	rmdir(dir);
	dir[0] = '\0';
	return gup_pin_problem("cannot mount %s: %s", type, strerror(errno));
}

const char *gup_pin_nfs_mount(struct gup_pin_nfs *nfs)
{
	memset(nfs, 0, sizeof(*nfs));
	return mount_new(nfs->export, sizeof(nfs->export), "tmpfs", "tmpfs", NULL) ?:
		start_server(nfs) ?:
		mount_new(nfs->dir, sizeof(nfs->dir), "127.0.0.1:/", "nfs4",
			  "addr=127.0.0.1,clientaddr=127.0.0.1,vers=4.2,proto=tcp,sec=sys");
}

static void unmount(char *dir)
{
	if (!dir[0])
		return;
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	dir[0] = '\0';
}

void gup_pin_nfs_unmount(struct gup_pin_nfs *nfs)
{
	unmount(nfs->dir);
	if (nfs->serves)
		gup_pin_write(CONTROL "threads", "0\n");
	nfs->serves = false;
	unmount(nfs->export);
}
