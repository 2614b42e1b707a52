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

#include <jansson.h>

#include "core/vine_pipe.h"

struct vined_command;
struct vined_workers;

#define VINED_WORDS_MAX 5u	/* one more than any command takes */

/* What commands act upon. */
struct vined_admin {
	vine_pipe_s *const *pipes;
	uint32_t pipe_count;
	uint32_t worker_count;
	struct vined_workers *workers;
	uint64_t started;		/* ns */
	void (*stop)(void *user);	/* as SIGTERM */
	/* end so that the next vined goes on; would all sessions? */
	void (*hand_over)(void *user);
	int (*can_hand_over)(void *user);
	void *user;
};

/* A command that is being carried out. */
struct vined_call {
	const struct vined_admin *admin;
	const struct vined_command *command;
	const char *words[VINED_WORDS_MAX];
	uint32_t count;
	uint64_t begun;			/* ns */
	json_t *answer;			/* NULL: not yet, or no memory */
	uint32_t left_out;		/* rows that it should have */
	void *state;			/* the command's, while it goes on */
	void (*end)(void *user);	/* vined's, after the answer; or NULL */
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

/* vined_command_drop ends a call, answered or not. */
void vined_command_drop(struct vined_call *call);

/*
 * For commands. vined_command_refuse makes the answer an error.
 * vined_command_answer makes it an object, which it takes; where that is NULL
 * there was no memory for it. Both return 0.
 */
uint32_t vined_command_refuse(struct vined_call *call, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
uint32_t vined_command_answer(struct vined_call *call, json_t *answer);

/*
 * vined_command_row adds a row to a list of the answer and takes it; NULL where
 * there was no memory for it. One that has no place among VINE_CONTROL_ROWS, or
 * no memory, is left out, and the answer says how many.
 */
void vined_command_row(struct vined_call *call, json_t *list, json_t *row);

/* vined_command_pipe returns the segment of that name, or NULL. */
vine_pipe_s *vined_command_pipe(const struct vined_admin *admin,
				const char *name);

/*
 * Values for json_pack: a text, of which others may have written any byte, for
 * "o"; a number, for "I". NULL becomes null.
 */
json_t *vined_command_text(const char *text);
json_int_t vined_command_int(uint64_t n);

#endif
