// SPDX-License-Identifier: GPL-2.0
/* Pass descriptors to another process by SCM_RIGHTS. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include "gup_pin_fd.h"
#include "gup_pin_util.h"

/* One byte, and room for a descriptor. */
struct message {
	struct msghdr msg;
	struct iovec iov;
	char byte;
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
};

static void message_init(struct message *message)
{
	memset(message, 0, sizeof(*message));
	message->iov.iov_base = &message->byte;
	message->iov.iov_len = 1;
	message->msg.msg_iov = &message->iov;
	message->msg.msg_iovlen = 1;
	message->msg.msg_control = &message->control;
	message->msg.msg_controllen = sizeof(message->control);
}

const char *gup_pin_fd_send(int sock, int fd)
{
	struct message message;
	struct cmsghdr *cmsg;

	message_init(&message);
	cmsg = CMSG_FIRSTHDR(&message.msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	return sendmsg(sock, &message.msg, 0) == 1 ? NULL :
		gup_pin_problem("sendmsg: %s", strerror(errno));
}

const char *gup_pin_fd_receive(int sock, int *fd)
{
	struct message message;

	message_init(&message);
	if (recvmsg(sock, &message.msg, MSG_CMSG_CLOEXEC) != 1 ||
	    !CMSG_FIRSTHDR(&message.msg))
		return gup_pin_problem("recvmsg: %s", strerror(errno));
	memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&message.msg)), sizeof(*fd));
	return NULL;
}
