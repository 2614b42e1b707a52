/* SPDX-License-Identifier: Apache-2.0 */
/*
 * View: an address and a length that the appliance has checked once. It is
 * how kernels, services and consumers see a task's data; they never see an
 * offset. The bytes behind a view stay the application's and may change at any
 * time.
 */
#ifndef VINE_VIEW_H
#define VINE_VIEW_H

#include <stddef.h>

struct vine_view {
	void *ptr;		/* never NULL, also where length is 0 */
	size_t length;		/* bytes */
};

#endif
