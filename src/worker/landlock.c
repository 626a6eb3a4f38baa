/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C library has no functions for Landlock, and the headers of older systems know its
 * first versions only: numbers and structs of later ones stand here.
 */
#include "worker/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error-domain.h"
#include "worker/confine.h"

enum { LANDLOCK_NET_PORT = 2 }; /* type of a rule */

static const guint64 landlock_fs_truncate = 1u << 14;  /* version 3 */
static const guint64 landlock_fs_ioctl_dev = 1u << 15; /* version 5 */
static const guint64 landlock_net_bind_tcp = 1u << 0;  /* version 4 */
static const guint64 landlock_net_connect_tcp = 1u << 1;

typedef struct {
    guint64 handled_access_fs, handled_access_net;
} LandlockSet;

typedef struct {
    guint64 allowed_access, port;
} LandlockPort;

struct Landlock {
    int fd;
    LandlockSet handled;
};

static const guint64 landlock_reading =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_EXECUTE;

static LandlockSet
landlock_choose(long version)
{
    LandlockSet set = {.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};

    if (version >= 2)
        set.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3)
        set.handled_access_fs |= landlock_fs_truncate;
    if (version >= 4)
        set.handled_access_net = landlock_net_bind_tcp | landlock_net_connect_tcp;
    if (version >= 5)
        set.handled_access_fs |= landlock_fs_ioctl_dev;
    return set;
}

Landlock *
landlock_new(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    Landlock *self;

    if (version < 1)
        return NULL;
    self = g_new0(Landlock, 1);
    self->handled = landlock_choose(version);
    self->fd = (int)syscall(SYS_landlock_create_ruleset, &self->handled,
                            version >= 4 ? sizeof self->handled
                                         : sizeof self->handled.handled_access_fs, 0);
    if (self->fd >= 0) {
        /* The source address of a connection may be chosen, with any port. */
        if (self->handled.handled_access_net != 0) {
            LandlockPort any = {landlock_net_bind_tcp, 0};

            (void)syscall(SYS_landlock_add_rule, self->fd, LANDLOCK_NET_PORT, &any, 0);
        }
        return self;
    }
    g_free(self);
    return NULL;
}

static void
landlock_allow(Landlock *self, const gchar *path, guint64 access)
{
    struct landlock_path_beneath_attr rule = {.allowed_access =
                                                  access & self->handled.handled_access_fs};
    struct stat info;

    rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0)
        return;
    if (fstat(rule.parent_fd, &info) == 0 && !S_ISDIR(info.st_mode))
        rule.allowed_access &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                               LANDLOCK_ACCESS_FS_EXECUTE | landlock_fs_truncate;
    (void)syscall(SYS_landlock_add_rule, self->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    (void)close(rule.parent_fd);
}

void
landlock_allow_reading(Landlock *self, const gchar *path)
{
    landlock_allow(self, path, landlock_reading & ~LANDLOCK_ACCESS_FS_EXECUTE);
}

/* Never devices, and never anything to be executed. */
void
landlock_allow_changes(Landlock *self, const gchar *path)
{
    landlock_allow(self, path,
                   ~(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                     LANDLOCK_ACCESS_FS_MAKE_BLOCK | landlock_fs_ioctl_dev));
}

void
landlock_allow_connecting(Landlock *self, guint port)
{
    LandlockPort rule = {landlock_net_connect_tcp, port};

    if (self->handled.handled_access_net != 0 && port > 0 && port <= G_MAXUINT16)
        (void)syscall(SYS_landlock_add_rule, self->fd, LANDLOCK_NET_PORT, &rule, 0);
}

gboolean
landlock_knows_ports(const Landlock *self)
{
    return self->handled.handled_access_net != 0;
}

gboolean
landlock_enforce(Landlock *self, GError **error)
{
    if (syscall(SYS_landlock_restrict_self, self->fd, 0) == 0)
        return TRUE;
    error_set_errno(error, CONFINE_ERROR, errno, "cannot limit files");
    return FALSE;
}

void
landlock_free(Landlock *self)
{
    if (self == NULL)
        return;
    (void)close(self->fd);
    g_free(self);
}
