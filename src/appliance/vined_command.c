/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of commands, and those of them that act. What only shows something
 * is in vined_show.c and vined_dump.c.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/vined_command.h"
#include "appliance/vined_dump.h"
#include "appliance/vined_quota.h"
#include "appliance/vined_show.h"
#include "appliance/vined_tasks.h"
#include "appliance/vined_worker.h"
#include "core/vine_door.h"
#include "utils/utils_clock.h"
#include "utils/utils_log.h"
#include "utils/utils_text.h"

#define DRAIN_POLL_MS 5u

struct vined_command {
	const char *name;
	const char *operands;	/* for the error that says how it is used */
	uint32_t least;		/* operands */
	uint32_t most;
	uint32_t (*begin)(struct vined_call *call);
	uint32_t (*again)(struct vined_call *call);	/* NULL: none */
	void (*drop)(struct vined_call *call);		/* NULL: nothing */
};

json_t *
vined_command_text(const char *text)
{
	char printable[512];

	return json_string(utils_text_printable(printable, sizeof(printable),
						text));
}

json_int_t
vined_command_int(uint64_t n)
{
	return n < INT64_MAX ? (json_int_t)n : INT64_MAX;
}

uint32_t
vined_command_answer(struct vined_call *call, json_t *answer)
{
	if (answer && call->left_out &&
	    json_object_set_new(answer, "left_out",
				json_integer(call->left_out)) != 0) {
		json_decref(answer);
		answer = NULL;
	}
	json_decref(call->answer);
	call->answer = answer;
	return 0;
}

uint32_t
vined_command_refuse(struct vined_call *call, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return vined_command_answer(call, json_pack("{s:o}", "error",
						    vined_command_text(text)));
}

void
vined_command_row(struct vined_call *call, json_t *list, json_t *row)
{
	if (json_array_size(list) < VINE_CONTROL_ROWS) {
		if (json_array_append_new(list, row) == 0)
			return;
	} else {
		json_decref(row);
	}
	call->left_out++;
}

vine_pipe_s *
vined_command_pipe(const struct vined_admin *a, const char *name)
{
	for (uint32_t i = 0; i < a->pipe_count; i++)
		if (strcmp(a->pipes[i]->seg->name, name) == 0)
			return a->pipes[i];
	return NULL;
}

/* --- fence --------------------------------------------------------------- */

static uint32_t
say_fenced(struct vined_call *call, const vine_pipe_s *pipe, int ended)
{
	return vined_command_answer(call, json_pack("{s:o, s:b, s:i}",
		"segment", vined_command_text(pipe->seg->name),
		"fenced", pipe->fenced, "sessions_ended", ended));
}

/* One session by its id, or the whole segment. */
static uint32_t
fence(struct vined_call *call)
{
	vine_pipe_s *pipe = vined_command_pipe(call->admin, call->words[1]);
	unsigned long id = 0;
	char *end = NULL;
	int rc;

	if (pipe == NULL)
		return vined_command_refuse(call, "there is no segment %s",
					    call->words[1]);
	if (call->count == 3) {
		id = strtoul(call->words[2], &end, 10);
		if (*end || id == 0 || id > UINT32_MAX)
			return vined_command_refuse(call, "%s is not the id of "
						    "a session",
						    call->words[2]);
	} else {
		/* first: who comes now is refused, who came is ended below */
		pipe->fenced = 1;
		log_warn("segment %s was fenced by the operator",
			 pipe->seg->name);
	}
	rc = vine_door_fence(pipe, (uint32_t)id);
	if (rc == -ENOENT)
		return vined_command_refuse(call, "segment %s has no open "
					    "session %lu", call->words[1], id);
	if (rc < 0)
		return vined_command_refuse(call, "segment %s: %s; ask again",
					    call->words[1], strerror(-rc));
	return say_fenced(call, pipe, rc);
}

static uint32_t
unfence(struct vined_call *call)
{
	vine_pipe_s *pipe = vined_command_pipe(call->admin, call->words[1]);

	if (pipe == NULL)
		return vined_command_refuse(call, "there is no segment %s",
					    call->words[1]);
	if (pipe->fenced)
		log_info("segment %s is fenced no more", pipe->seg->name);
	pipe->fenced = 0;
	return say_fenced(call, pipe, 0);
}

/* --- drain --------------------------------------------------------------- */

static uint32_t
in_flight(const struct vined_admin *a)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < a->pipe_count; i++)
		n += vine_pipe_busy(a->pipes[i]);
	return n;
}

/* Twice nothing in a row: an answer may be between service and lane. */
static uint32_t
drain_again(struct vined_call *call)
{
	uint32_t *quiet = call->state, left = in_flight(call->admin);
	uint64_t ms = (utils_clock_ns() - call->begun) / 1000000;

	*quiet = left ? 0 : *quiet + 1;
	if (*quiet < 2 && ms < VINE_CONTROL_DRAIN_MS)
		return DRAIN_POLL_MS;
	return vined_command_answer(call, json_pack("{s:b, s:I, s:b}",
		"drained", left == 0, "tasks_left", vined_command_int(left),
		"stopping", call->end != NULL));
}

static uint32_t
drain(struct vined_call *call)
{
	const struct vined_admin *a = call->admin;
	int leave = call->count == 2;

	if (leave && strcmp(call->words[1], "exit") != 0)
		return vined_command_refuse(call, "drain %s, expected drain or "
					    "drain exit", call->words[1]);
	call->state = calloc(1, sizeof(uint32_t));
	if (call->state == NULL)
		return vined_command_refuse(call, "out of memory");
	call->end = leave ? a->stop : NULL;
	log_info("draining as the operator asks");
	for (uint32_t i = 0; i < a->pipe_count; i++) {
		vine_pipe_drain(a->pipes[i]);
		/* what lies in queues whose bell never came is found */
		for (uint32_t j = 0; j < a->pipes[i]->lane_count; j++)
			vine_lane_ring(&a->pipes[i]->lanes[j]);
	}
	return DRAIN_POLL_MS;
}

static void
drain_drop(struct vined_call *call)
{
	free(call->state);
}

static uint32_t
undrain(struct vined_call *call)
{
	const struct vined_admin *a = call->admin;

	log_info("serving again as the operator asks");
	for (uint32_t i = 0; i < a->pipe_count; i++)
		vine_pipe_serve(a->pipes[i]);
	return vined_command_answer(call, json_pack("{s:b}", "serving", 1));
}

/* --- hand over ----------------------------------------------------------- */

static uint32_t
hand_over(struct vined_call *call)
{
	const struct vined_admin *a = call->admin;

	if (!a->can_hand_over(a->user))
		return vined_command_refuse(call, "nobody holds the sockets "
			"and segments: start vined by systemd or vined-keeper, "
			"or end it by SIGTERM, which ends all sessions");
	call->end = a->hand_over;
	return vined_command_answer(call, json_pack("{s:b, s:I}",
		"handing_over", 1, "tasks_in_flight",
		vined_command_int(in_flight(a))));
}

/* --- the table ----------------------------------------------------------- */

static const struct vined_command commands[] = {
	{ "status", "", 0, 0, vined_show_status, vined_show_status_again,
	  vined_show_status_drop },
	{ "list", " [SEGMENT]", 0, 1, vined_show_list, NULL, NULL },
	{ "dump", "", 0, 0, vined_dump_begin, vined_dump_again,
	  vined_dump_drop },
	{ "tasks", " [--all] [--trace] [--times] [--events] [NAME]", 0, 4,
	  vined_tasks_begin, vined_tasks_again, vined_tasks_drop },
	{ "drain", " [exit]", 0, 1, drain, drain_again, drain_drop },
	{ "undrain", "", 0, 0, undrain, NULL, NULL },
	{ "handover", "", 0, 0, hand_over, NULL, NULL },
	{ "fence", " SEGMENT [ID]", 1, 2, fence, NULL, NULL },
	{ "unfence", " SEGMENT", 1, 1, unfence, NULL, NULL },
	{ "quota", " [SEGMENT [KEY VALUE]]", 0, 3, vined_quota, NULL, NULL },
};

static const struct vined_command *
find(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

uint32_t
vined_command_begin(struct vined_call *call, const struct vined_admin *admin,
		    char *line)
{
	char *save = NULL, *word = strtok_r(line, " \t\r", &save);
	const struct vined_command *c;

	memset(call, 0, sizeof(*call));
	call->admin = admin;
	call->begun = utils_clock_ns();
	for (; word && call->count < VINED_WORDS_MAX;
	     word = strtok_r(NULL, " \t\r", &save))
		call->words[call->count++] = word;
	if (call->count == 0)
		return vined_command_refuse(call, "the request is empty");
	c = find(call->words[0]);
	if (c == NULL)
		return vined_command_refuse(call, "there is no command %s",
					    call->words[0]);
	if (call->count - 1 < c->least || call->count - 1 > c->most)
		return vined_command_refuse(call, "usage: %s%s", c->name,
					    c->operands);
	call->command = c;
	return c->begin(call);
}

uint32_t
vined_command_again(struct vined_call *call)
{
	return call->command->again(call);
}

void
vined_command_drop(struct vined_call *call)
{
	if (call->command && call->command->drop)
		call->command->drop(call);
	call->command = NULL;
	json_decref(call->answer);
	call->answer = NULL;
}
