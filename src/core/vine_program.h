/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Program: one that is an appliance itself, without vined, by the functions of
 * vine_pipe.h, and owns the accelerators that it offers. Its requests wait in a
 * list for vine_pipe_take.
 */
#ifndef VINE_PROGRAM_H
#define VINE_PROGRAM_H

#include <stdint.h>

struct vine_pipe_s;

/* vine_program_init makes the pipe's program the owner of what it adds. */
void vine_program_init(struct vine_pipe_s *pipe);

/* vine_program_abandon answers what was taken for the program's own
 * accelerators, which it will not do any more. Returns how many tasks are left,
 * of services. The thread of every lane. */
uint32_t vine_program_abandon(struct vine_pipe_s *pipe);

#endif
