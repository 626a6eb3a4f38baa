/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define SANDBOX_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define SANDBOX_ARCH AUDIT_ARCH_AARCH64
#endif

#ifdef SANDBOX_ARCH
#define SANDBOX_LOAD(member) \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (guint32)offsetof(struct seccomp_data, member))
/* Goes on behind the next instruction, unless the value is (value). */
#define SANDBOX_UNLESS(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (guint32)(value), 0, 1)
#define SANDBOX_RETURN(what) BPF_STMT(BPF_RET | BPF_K, (guint32)(what))
#define SANDBOX_DENY(call) \
    SANDBOX_UNLESS(call), SANDBOX_RETURN(SECCOMP_RET_ERRNO | EACCES)

gboolean
sandbox_enter(void)
{
    struct sock_filter steps[] = {
        SANDBOX_LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SANDBOX_ARCH, 1, 0),
        SANDBOX_RETURN(SECCOMP_RET_ERRNO | EACCES),
        SANDBOX_LOAD(nr),
        SANDBOX_DENY(SYS_connect),
        SANDBOX_DENY(SYS_bind),
        SANDBOX_DENY(SYS_listen),
        SANDBOX_DENY(SYS_execve),
        SANDBOX_DENY(SYS_execveat),
        /* It makes sockets without the calls for them. */
        SANDBOX_DENY(SYS_io_uring_setup),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 1, 0),
        SANDBOX_RETURN(SECCOMP_RET_ALLOW),
        /* A family fits into the lower half on every architecture of the list above. */
        SANDBOX_LOAD(args[0]),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 0, 1),
        SANDBOX_RETURN(SECCOMP_RET_ALLOW),
        SANDBOX_RETURN(SECCOMP_RET_ERRNO | EACCES),
    };
    struct sock_fprog program = {.len = G_N_ELEMENTS(steps), .filter = steps};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}
#else
gboolean
sandbox_enter(void)
{
    errno = ENOSYS;
    return FALSE;
}
#endif
