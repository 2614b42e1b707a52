/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Version: which libvine a program is compiled against. CMake reads its own
 * version from here.
 */
#ifndef VINE_VERSION_H
#define VINE_VERSION_H

#define VINE_VERSION_MAJOR 0
#define VINE_VERSION_MINOR 1
#define VINE_VERSION_PATCH 0

#endif
