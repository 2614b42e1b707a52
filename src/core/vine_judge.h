/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judge: whether what an earlier appliance left as a keep can be believed: that
 * it is of this segment, boot and build, and no record leads out of where it
 * belongs.
 */
#ifndef VINE_JUDGE_H
#define VINE_JUDGE_H

struct vine_keep;
struct vine_keep_header;

/* vine_judge_identify fills a header with what a keep of keep->seg says, but
 * for its state and who has it. */
void vine_judge_identify(const struct vine_keep *keep,
			 struct vine_keep_header *header);

/* vine_judge_knows tells whether a header is of a keep of this version. */
int vine_judge_knows(const struct vine_keep_header *header);

/*
 * vine_judge_peek copies what the first page of a keep without a name says, for
 * whoever is to take up its segment; `name` is for the log. Returns 0, or
 * -EPROTO, logged, for what is no keep of this build and boot, is not sealed or
 * was given up.
 */
int vine_judge_peek(int fd, const char *name, struct vine_keep_header *header);

/* vine_judge_foreign returns NULL, or, in words, why a mapped keep is not the
 * one of keep->seg. */
const char *vine_judge_foreign(const struct vine_keep *keep);

/*
 * vine_judge_sound returns 1 if every record of a mapped keep can be what it
 * says: no index, offset or length leads out of where it belongs, no page has
 * two owners. What code takes is taken out of keep->code_runs, in which nothing
 * was. Returns 0, with some of that done, or -ENOMEM.
 */
int vine_judge_sound(struct vine_keep *keep);

#endif
