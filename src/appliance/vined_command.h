/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command: what an operator can ask vined, a line of words each; the answer is
 * a JSON object, with a member "error" where it could not be done.
 *
 * All of it runs on the main thread and none of it blocks: a command that must
 * wait says for how long, and is called again.
 */
#ifndef VINED_COMMAND_H
#define VINED_COMMAND_H

#include "core/vine_pipe.h"
#include "utils/utils_json.h"

struct rt_wait;
struct vined_command;
struct vined_workers;

#define VINED_WORDS_MAX 4u

/* What commands act upon. */
struct vined_admin {
	vine_pipe_s *const *pipes;
	uint32_t pipe_count;
	uint32_t worker_count;
	struct vined_workers *workers;
	uint64_t started;		/* ns */
	void (*stop)(void *user);	/* as SIGTERM */
	void *user;
};

/* A command that is being carried out. */
struct vined_call {
	const struct vined_admin *admin;
	const struct vined_command *command;
	const char *words[VINED_WORDS_MAX];
	uint32_t count;
	uint64_t begun;			/* ns */
	struct utils_json json;		/* the answer */
	void *state;			/* the command's, while it goes on */
	int stop;			/* 1: vined ends after the answer */
};

/*
 * vined_command_begin begins what a line asks for. The line stays until the
 * call is dropped; its spaces are overwritten. Returns 0 when the answer is
 * there, else after how many ms vined_command_again is to be called, which
 * returns the same.
 */
uint32_t vined_command_begin(struct vined_call *call,
			     const struct vined_admin *admin, char *line);
uint32_t vined_command_again(struct vined_call *call);

/*
 * vined_command_drop ends a call, answered or not. What the answer's text is
 * stays with whoever took it (utils_json_end).
 */
void vined_command_drop(struct vined_call *call);

/* vined_command_refuse makes the answer an error. For commands. Returns 0. */
uint32_t vined_command_refuse(struct vined_call *call, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
