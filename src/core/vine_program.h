/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Program: the owner of the accelerators that a program offers by itself,
 * without vined. Its requests wait in a list for vine_pipe_take.
 */
#ifndef VINE_PROGRAM_H
#define VINE_PROGRAM_H

struct vine_pipe_s;

/* vine_program_init makes the pipe's program the owner of what it adds. */
void vine_program_init(struct vine_pipe_s *pipe);

#endif
