/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups first, then the group, then the user: the other way round the right
 * to change the groups would be gone. What was asked for is looked at
 * afterwards, because a call that says 0 and does nothing would be the worst.
 *
 * Root that stays root keeps the files of root, and no capability: it cannot
 * open what belongs to others any more.
 */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "appliance/vined_rights.h"
#include "utils/utils_config.h"
#include "utils/utils_log.h"

static int
find_user(const struct utils_config *config, const char *name,
	  struct passwd **out)
{
	struct passwd *user;

	errno = 0;
	user = getpwnam(name);	/* of the only thread */
	if (user == NULL) {
		int rc = errno && errno != ESRCH ? -errno : -ENOENT;

		log_error("%s: user is %s: %s", utils_config_name(config),
			  name, rc == -ENOENT ? "there is no such user" :
			  strerror(-rc));
		return rc;
	}
	*out = user;
	return 0;
}

/*
 * The object of a segment is removed by its last user, and in a folder with
 * the sticky bit, such as /dev/shm, only its owner can do that.
 */
static int
give_segments(vine_pipe_s *const *pipes, size_t count,
	      const struct passwd *user)
{
	for (size_t i = 0; i < count; i++) {
		const struct vine_seg *seg = pipes[i]->seg;

		if (!seg->formed || seg->fd < 0)
			continue;
		if (fchown(seg->fd, user->pw_uid, user->pw_gid) != 0) {
			int rc = -errno;

			log_error("segment %s cannot be given to user %s: %s",
				  seg->name, user->pw_name, strerror(-rc));
			return rc;
		}
	}
	return 0;
}

/* Is nothing left of who we were? */
static int
is_user(const struct passwd *user)
{
	uid_t uid[3];
	gid_t gid[3];

	if (getresuid(&uid[0], &uid[1], &uid[2]) != 0 ||
	    getresgid(&gid[0], &gid[1], &gid[2]) != 0)
		return 0;
	for (int i = 0; i < 3; i++)
		if (uid[i] != user->pw_uid || gid[i] != user->pw_gid)
			return 0;
	return user->pw_uid == 0 || setuid(0) != 0;
}

static int
become(const struct passwd *user)
{
	int rc = 0;

	if (initgroups(user->pw_name, user->pw_gid) != 0 ||
	    setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
	    setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0)
		rc = -errno;
	else if (!is_user(user))
		rc = -EPERM;
	if (rc)
		log_error("user %s (uid %u, gid %u) cannot be taken on: %s",
			  user->pw_name, user->pw_uid, user->pw_gid,
			  strerror(-rc));
	return rc;
}

static int
change_user(const struct utils_config *config, vine_pipe_s *const *pipes,
	    size_t count)
{
	const char *name = utils_config_str(config, UTILS_KEY_user);
	struct passwd *user;
	int rc;

	if (name == NULL)
		return 0;
	rc = find_user(config, name, &user);
	if (rc)
		return rc;
	if (geteuid() != 0) {
		if (is_user(user))
			return 0;
		log_error("%s: user is %s (uid %u), but vined was started as "
			  "uid %u, which cannot become another",
			  utils_config_name(config), name, user->pw_uid,
			  geteuid());
		return -EPERM;
	}
	rc = give_segments(pipes, count, user);
	return rc ? rc : become(user);
}

/* By the calls themselves: libc has none, and two calls need no library. */
static int
drop_capabilities(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[2] = { { 0 } };
	int rc = 0;

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 ||
	    syscall(SYS_capset, &head, none) != 0)
		rc = -errno;
	if (rc)
		log_error("capabilities cannot be dropped: %s", strerror(-rc));
	return rc;
}

int
vined_rights_drop(const struct utils_config *config, vine_pipe_s *const *pipes,
		  size_t count)
{
	int cores = utils_config_bool(config, UTILS_KEY_core_dumps);
	int rc = change_user(config, pipes, count);

	if (rc == 0)
		rc = drop_capabilities();
	if (rc)
		return rc;
	/* after the user: the kernel sets dumpable anew when that changes */
	if (prctl(PR_SET_DUMPABLE, cores, 0, 0, 0) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		rc = -errno;
		log_error("no_new_privs cannot be set: %s", strerror(-rc));
		return rc;
	}
	umask(077);	/* shm_mode has been obeyed by now */
	return 0;
}
