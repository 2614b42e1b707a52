/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libdw is not made for threads: `lock` guards all of it. It is asked for files
 * of this process alone and never for servers of debug information, which would
 * take a network.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#ifdef VINE_HAVE_LIBDW
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#endif

#include "rt/rt_place.h"

#define RUNTIME "src/rt/"
#define OWN RUNTIME "rt_place.c"

static void
copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

static const char *
last_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* What the dynamic linker knows. */
static int
ask_linker(uintptr_t address, struct rt_place *place)
{
	Dl_info info;

	if (dladdr((void *)address, &info) == 0)
		return -ENOENT;
	copy(place->module, sizeof(place->module), last_of(info.dli_fname));
	copy(place->function, sizeof(place->function), info.dli_sname);
	place->offset = address - (uintptr_t)(info.dli_sname ?
					      info.dli_saddr : info.dli_fbase);
	return 0;
}

#ifdef VINE_HAVE_LIBDW

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Dwfl *dwfl;

static int
no_file(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr base,
	const char *path, const char *link, GElf_Word crc, char **debug)
{
	(void)module, (void)user, (void)name, (void)base, (void)path;
	(void)link, (void)crc, (void)debug;
	return -1;
}

/* libdw's own leaves a descriptor that a program which is run would have. */
static int
find_file(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr base,
	  char **path, Elf **elf)
{
	int fd;

	if (name[0] != '/')	/* what the kernel maps for calls to it */
		return dwfl_linux_proc_find_elf(module, user, name, base, path,
						elf);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	/* libdw frees the path */
	if (fd >= 0 && asprintf(path, "%s", name) < 0) {
		*path = NULL;
		close(fd);
		fd = -1;
	}
	return fd;
}

static const Dwfl_Callbacks callbacks = {
	.find_elf = find_file,
	.find_debuginfo = no_file,
};

/* One without debug information is open then, too. */
static int
open_one(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr base,
	 void *arg)
{
	Dwarf_Addr bias;

	(void)user, (void)name, (void)base, (void)arg;
	(void)dwfl_module_getdwarf(module, &bias);
	return DWARF_CB_OK;
}

int
rt_place_open(void)
{
	int rc = 0;

	pthread_mutex_lock(&lock);
	if (dwfl) {
		pthread_mutex_unlock(&lock);
		return -EALREADY;
	}
	dwfl = dwfl_begin(&callbacks);
	if (dwfl == NULL || dwfl_linux_proc_report(dwfl, getpid()) != 0 ||
	    dwfl_report_end(dwfl, NULL, NULL) != 0)
		rc = -ENOMEM;
	if (rc && dwfl) {
		dwfl_end(dwfl);
		dwfl = NULL;
	}
	if (rc == 0)
		(void)dwfl_getmodules(dwfl, open_one, NULL, 0);
	pthread_mutex_unlock(&lock);
	return rc;
}

void
rt_place_close(void)
{
	pthread_mutex_lock(&lock);
	if (dwfl)
		dwfl_end(dwfl);
	dwfl = NULL;
	pthread_mutex_unlock(&lock);
}

/* A path from the tree's top, where it is ours. */
static const char *
shorten(const char *path)
{
	size_t n = strlen(__FILE__) - strlen(OWN);

	return strncmp(path, __FILE__, n) == 0 ? path + n : path;
}

/* The line's number; *file is its source, of libdw's. */
static int
line_in(Dwarf_Die *unit, Dwarf_Addr address, const char **file)
{
	Dwarf_Line *line = dwarf_getsrc_die(unit, address);
	int number = 0;

	*file = line ? dwarf_linesrc(line, NULL, NULL) : NULL;
	if (*file)
		(void)dwarf_lineno(line, &number);
	return number;
}

/*
 * File and line. gcc makes a table of which unit has which addresses; clang
 * does not, and each unit is asked.
 */
static void
ask_lines(Dwfl_Module *module, Dwarf_Addr address, struct rt_place *place)
{
	const char *file = NULL;
	Dwarf_Addr bias = 0;
	Dwarf_Die *unit = dwfl_module_addrdie(module, address, &bias);

	if (unit)
		place->line = line_in(unit, address - bias, &file);
	unit = NULL;
	while (file == NULL &&
	       (unit = dwfl_module_nextcu(module, unit, &bias)) != NULL)
		if (dwarf_haspc(unit, address - bias) == 1)
			place->line = line_in(unit, address - bias, &file);
	if (file)
		copy(place->file, sizeof(place->file), shorten(file));
}

static int
ask_libdw(uintptr_t address, struct rt_place *place)
{
	Dwfl_Module *module = dwfl ? dwfl_addrmodule(dwfl, address) : NULL;
	const char *name;
	GElf_Off offset;
	GElf_Sym symbol;
	Dwarf_Addr start;

	if (module == NULL)
		return -ENOENT;
	name = dwfl_module_info(module, NULL, &start, NULL, NULL, NULL, NULL,
				NULL);
	copy(place->module, sizeof(place->module), last_of(name ? name : ""));
	place->offset = address - start;
	name = dwfl_module_addrinfo(module, address, &offset, &symbol, NULL,
				    NULL, NULL);
	if (name) {
		copy(place->function, sizeof(place->function), name);
		place->offset = offset;
	}
	ask_lines(module, address, place);
	return 0;
}

/* A variable without a value in the file lies behind what libdw knows of it. */
static Dwfl_Module *
module_with(uintptr_t address)
{
	Dl_info info;

	if (dwfl == NULL || dladdr((void *)address, &info) == 0)
		return NULL;
	return dwfl_addrmodule(dwfl, (uintptr_t)info.dli_fbase);
}

static void
put_object(const char *name, uint64_t offset, char *text, size_t size)
{
	if (offset)
		snprintf(text, size, "%s+0x%" PRIx64, name, offset);
	else
		snprintf(text, size, "%s", name);
}

static int
look_up_object(uintptr_t address, char *text, size_t size)
{
	const char *name = NULL;
	Dwfl_Module *module;
	GElf_Off offset = 0;
	GElf_Sym symbol;

	pthread_mutex_lock(&lock);
	module = module_with(address);
	if (module)
		name = dwfl_module_addrinfo(module, address, &offset, &symbol,
					    NULL, NULL, NULL);
	/* of what lies behind the last variable its name is known, too */
	if (name && GELF_ST_TYPE(symbol.st_info) == STT_OBJECT &&
	    offset < symbol.st_size)
		put_object(name, offset, text, size);
	else
		name = NULL;
	pthread_mutex_unlock(&lock);
	return name ? 0 : -ENOENT;
}

static int
look_up(uintptr_t address, struct rt_place *place)
{
	int rc;

	pthread_mutex_lock(&lock);
	rc = ask_libdw(address, place);
	pthread_mutex_unlock(&lock);
	return rc ? ask_linker(address, place) : 0;
}

/* --- unwinding ---------------------------------------------------------- */

/* The one that is under way. */
static struct {
	const struct rt_registers *registers;
	const struct rt_view *view;
	uintptr_t *frames;
	uint32_t most;
	uint32_t count;
} walk;

static pid_t
next_thread(Dwfl *of, void *arg, void **thread)
{
	(void)of, (void)arg;
	if (*thread)
		return 0;
	*thread = &walk;
	return getpid();
}

static bool
get_thread(Dwfl *of, pid_t tid, void *arg, void **thread)
{
	(void)of, (void)tid, (void)arg;
	*thread = &walk;
	return true;
}

static __attribute__((no_sanitize("address", "thread"))) bool
read_memory(Dwfl *of, Dwarf_Addr address, Dwarf_Word *word, void *arg)
{
	const struct rt_view *v = walk.view;

	(void)of, (void)arg;
	if (address % sizeof(*word) != 0 || address < v->base ||
	    address > v->top || v->top - address < sizeof(*word))
		return false;
	*word = *(const Dwarf_Word *)(const void *)(v->bytes +
						    (address - v->base));
	return true;
}

static bool
set_registers(Dwfl_Thread *thread, void *arg)
{
	const struct rt_registers *r = walk.registers;

	(void)arg;
	dwfl_thread_state_register_pc(thread, r->pc);
	return dwfl_thread_state_registers(thread, 0, r->count, r->values);
}

static int
add_frame(Dwfl_Frame *frame, void *arg)
{
	Dwarf_Addr pc;

	(void)arg;
	if (walk.count == walk.most || !dwfl_frame_pc(frame, &pc, NULL))
		return DWARF_CB_ABORT;
	walk.frames[walk.count++] = (uintptr_t)pc;
	return DWARF_CB_OK;
}

static const Dwfl_Thread_Callbacks walking = {
	.next_thread = next_thread,
	.get_thread = get_thread,
	.memory_read = read_memory,
	.set_initial_registers = set_registers,
};

static uint32_t
unwind(const struct rt_registers *registers, const struct rt_view *view,
       uintptr_t *frames, uint32_t most)
{
	pthread_mutex_lock(&lock);
	walk.registers = registers;
	walk.view = view;
	walk.frames = frames;
	walk.most = most;
	walk.count = 0;
	/* attached once; a second time is refused and changes nothing */
	if (dwfl) {
		(void)dwfl_attach_state(dwfl, NULL, getpid(), &walking, &walk);
		(void)dwfl_getthread_frames(dwfl, getpid(), add_frame, NULL);
	}
	pthread_mutex_unlock(&lock);
	return walk.count;
}

#else

int
rt_place_open(void)
{
	return -ENOSYS;
}

void
rt_place_close(void)
{
}

static int
look_up(uintptr_t address, struct rt_place *place)
{
	return ask_linker(address, place);
}

static int
look_up_object(uintptr_t address, char *text, size_t size)
{
	(void)address, (void)text, (void)size;
	return -ENOENT;
}

static uint32_t
unwind(const struct rt_registers *registers, const struct rt_view *view,
       uintptr_t *frames, uint32_t most)
{
	(void)registers, (void)view, (void)frames, (void)most;
	return 0;
}

#endif

int
rt_place_of(uintptr_t address, int back, struct rt_place *place)
{
	memset(place, 0, sizeof(*place));
	place->offset = address;
	return look_up(back ? address - 1 : address, place);
}

int
rt_place_object(uintptr_t address, char *text, size_t size)
{
	return look_up_object(address, text, size);
}

int
rt_place_inside(const struct rt_place *place)
{
	if (place->file[0])
		return strncmp(place->file, RUNTIME, strlen(RUNTIME)) == 0;
	return strncmp(place->function, "rt_", 3) == 0;
}

char *
rt_place_text(const struct rt_place *place, char *text, size_t size)
{
	if (place->file[0])
		snprintf(text, size, "%s %s:%d", place->function[0] ?
			 place->function : "?", place->file, place->line);
	else if (place->function[0])
		snprintf(text, size, "%s+0x%" PRIx64 " %s", place->function,
			 place->offset, place->module);
	else
		snprintf(text, size, "%s+0x%" PRIx64, place->module[0] ?
			 place->module : "?", place->offset);
	return text;
}

uint32_t
rt_place_waits(const uintptr_t *frames, uint32_t count, struct rt_place *place)
{
	for (uint32_t i = 0; i < count; i++) {
		(void)rt_place_of(frames[i], i > 0, place);
		if (!rt_place_inside(place))
			return i;
	}
	memset(place, 0, sizeof(*place));
	return count;
}

uint32_t
rt_place_show(const uintptr_t *frames, uint32_t count,
	      void (*fn)(const struct rt_place *place, void *user), void *user)
{
	struct rt_place place;
	uint32_t i = rt_place_waits(frames, count, &place), shown = 0;

	for (; i < count; i++) {
		(void)rt_place_of(frames[i], i > 0, &place);
		if (i + 1 == count && rt_place_inside(&place))
			break;
		fn(&place, user);
		shown++;
	}
	return shown;
}

uint32_t
rt_place_unwind(const struct rt_registers *registers,
		const struct rt_view *view, uintptr_t *frames, uint32_t most)
{
	uint32_t n = unwind(registers, view, frames, most);

	return n > 1 ? n : rt_backtrace(view, registers->pc, registers->fp,
					frames, most);
}
