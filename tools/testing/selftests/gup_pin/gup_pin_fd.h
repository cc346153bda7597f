/* SPDX-License-Identifier: GPL-2.0 */
/* Pass descriptors to another process by SCM_RIGHTS. */
#ifndef GUP_PIN_FD_H
#define GUP_PIN_FD_H

const char *gup_pin_fd_send(int sock, int fd);
const char *gup_pin_fd_receive(int sock, int *fd);

#endif /* GUP_PIN_FD_H */
