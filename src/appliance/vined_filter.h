/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filter: the list of system calls that the daemon may make once it serves,
 * kept by the kernel (seccomp). What a kernel of cpu0 or we ourselves could be
 * made to do by a hostile payload ends there.
 */
#ifndef VINED_FILTER_H
#define VINED_FILTER_H

struct utils_config;

enum vined_allow {
	VINED_ALLOW_APP_CODE = 1u << 0,	/* what loading a shared object takes */
	VINED_ALLOW_SOCKETS = 1u << 1,	/* to open, bind and connect them */
	VINED_ALLOW_RINGS = 1u << 2,	/* to enter rings that were confined */
};

/*
 * vined_filter_load puts the filter of vined_calls.def on every thread of the
 * process, for good, as the config's `seccomp` says. A call outside the list
 * kills the process by SIGSYS after a line on stderr that names the call and
 * the thread, with the journal's level in front if `journal`; with `log` it is
 * carried out and the kernel's log names it. `allow` puts more on the list.
 * Main thread, with no_new_privs
 * set, after everything that needs more is open. Returns 0, or a negative
 * errno, logged: the kernel has no such filter, or there is no memory.
 */
int vined_filter_load(const struct utils_config *config, unsigned int allow,
		      int journal);

#endif
