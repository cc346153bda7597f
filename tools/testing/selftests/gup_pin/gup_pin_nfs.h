/* SPDX-License-Identifier: GPL-2.0 */
/* An NFS 4.2 mount of a tmpfs of this machine's, without programs of nfs-utils. */
#ifndef GUP_PIN_NFS_H
#define GUP_PIN_NFS_H

#include <stdbool.h>

/**
 * struct gup_pin_nfs - what is mounted
 * @export: a tmpfs; empty: not mounted
 * @dir: where the client has it; empty: not mounted
 * @serves: the server has threads
 */
struct gup_pin_nfs {
	char export[40];
	char dir[40];
	bool serves;
};

const char *gup_pin_nfs_missing(void);
const char *gup_pin_nfs_mount(struct gup_pin_nfs *nfs);
/* May be called on a zeroed one. */
void gup_pin_nfs_unmount(struct gup_pin_nfs *nfs);

#endif /* GUP_PIN_NFS_H */
