/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Place: what an address of code is called: function, file and line, from the
 * debug information of this process's own program and libraries (libdw); and
 * what one of a static variable is.
 *
 * Without it the function and the offset in it, else the file of the module and
 * the offset in that. Debug information in files of its own is not looked for.
 * libdw needs more stack than a task has: not to be called in tasks.
 */
#ifndef RT_PLACE_H
#define RT_PLACE_H

#include <stddef.h>
#include <stdint.h>

#include "rt/rt_backtrace.h"

struct rt_place {
	char function[64];	/* "" : not known */
	char file[96];		/* of the source, from the tree's top; or "" */
	int line;
	char module[64];	/* program or library; "" : not known */
	uint64_t offset;	/* in the function, else in the module */
};

/*
 * rt_place_open reads which modules the process has now and maps their files,
 * which may be replaced on the disk later, or out of reach. Nothing is opened
 * after that, and no system call made but for memory. Any thread; reads files.
 * Returns 0, or -EALREADY where it is open, -ENOMEM, or -ENOSYS without libdw:
 * then places are modules alone.
 */
int rt_place_open(void);

/* rt_place_close forgets it all. */
void rt_place_close(void);

/*
 * rt_place_of finds an address. Callers are known by where they go on, which
 * may be the next line: `back` is 1 for those, and what stands before counts.
 * *place is filled in any case, as far as it is known. Any thread; blocks while
 * another one's is looked for. Returns 0, or -ENOENT: not even
 * the module is known.
 */
int rt_place_of(uintptr_t address, int back, struct rt_place *place);

/*
 * rt_place_object writes the name of the static variable in which an address
 * lies, "table" or "table+0x18", into a buffer. As rt_place_of, but the buffer
 * stays as it is where the address is none such, or without libdw: -ENOENT.
 */
int rt_place_object(uintptr_t address, char *text, size_t size);

/*
 * rt_place_inside tells whether a place is the runtime's own: not what a reader
 * of a dump looks for.
 */
int rt_place_inside(const struct rt_place *place);

/*
 * rt_place_text writes "function file:line", as much of it as is known, into a
 * buffer. Returns the buffer.
 */
char *rt_place_text(const struct rt_place *place, char *text, size_t size);

/*
 * rt_place_waits finds the frame of a backtrace in which a reader is
 * interested: the innermost that is not the runtime's. Returns its index, or
 * count where there is none; *place is that place.
 */
uint32_t rt_place_waits(const uintptr_t *frames, uint32_t count,
			struct rt_place *place);

/*
 * rt_place_show calls fn for each frame of a backtrace that a reader looks for,
 * innermost first: from rt_place_waits on, and without what calls each task.
 * Returns how many.
 */
uint32_t rt_place_show(const uintptr_t *frames, uint32_t count,
		       void (*fn)(const struct rt_place *place, void *user),
		       void *user);

/* The registers of a thread that was interrupted, by their DWARF numbers. */
struct rt_registers {
	uintptr_t pc;
	uintptr_t fp;
	uintptr_t sp;
	uint32_t count;
	uint64_t values[32];
};

/*
 * rt_place_unwind is rt_backtrace for code that was interrupted anywhere, in a
 * library too, which keeps no frame pointers: by the tables that the modules
 * have for that. Where they do not help it is rt_backtrace. As rt_place_of.
 */
uint32_t rt_place_unwind(const struct rt_registers *registers,
			 const struct rt_view *view, uintptr_t *frames,
			 uint32_t most);

#endif
