/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the config works: the file's text is kept, and cut in place into keys
 * and values; every string that is handed out points into it, or is a default
 * of the key table. Faults do not end the reading, so that all of them are
 * told at once. What one value may be is known to utils_keys.c.
 */
#include "utils/utils_config.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "utils/utils_keys.h"
#include "utils/utils_log.h"

#define FILE_MAX (1024u * 1024)	/* bytes of a config file */
#define LINE_MAX_BYTES 4096u	/* bytes of one of its lines */
#define MULTI_MAX 256u		/* values of all MULTI keys together */
#define QUOTE_MAX 64u		/* bytes of a value that a fault shows */
#define PASSWD_SIZE 16384u	/* bytes of one user's entry */
#define DEFAULT_NAME ".vinetalk"

struct value {
	const char *text;	/* NULL: not set, and no default */
	uint64_t number;
	unsigned int line;	/* of the first one; 0: it is the default */
};

struct multi {
	enum utils_key key;
	const char *text;
};

struct utils_config {
	char *text;		/* the file, cut into strings */
	char *name;
	struct value values[UTILS_KEY_COUNT];
	struct multi multi[MULTI_MAX];
	size_t multi_count;
	unsigned int faults;
};

/* A text of a file as a fault shows it: in quotes, printable, cut if long. */
struct quote {
	char text[4 * QUOTE_MAX + 8];
};

static int
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static const char *
quote(struct quote *q, const char *text, size_t len)
{
	size_t shown = len < QUOTE_MAX ? len : QUOTE_MAX;
	char *to = q->text;
	size_t i;

	*to++ = '"';
	for (i = 0; i < shown; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= 0x20 && c < 0x7f)
			*to++ = (char)c;
		else
			to += sprintf(to, "\\x%02x", c);
	}
	strcpy(to, shown < len ? "\"..." : "\"");
	return q->text;
}

/* fault logs one fault of a line, or of the file where line is 0. */
static void fault(struct utils_config *c, unsigned int line,
		  const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void
fault(struct utils_config *c, unsigned int line, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	c->faults++;
	if (line)
		log_error("%s:%u: %s", c->name, line, text);
	else
		log_error("%s: %s", c->name, text);
}

static void
unknown_key(struct utils_config *c, unsigned int line, const char *key,
	    size_t len)
{
	const char *near = utils_keys_nearest(key, len);
	struct quote q;

	if (len > UTILS_KEYS_NAME_MAX)
		fault(c, line, "key %s of %zu bytes, expected at most %d",
		      quote(&q, key, len), len, UTILS_KEYS_NAME_MAX);
	else if (near)
		fault(c, line, "unknown key %s, did you mean %s?",
		      quote(&q, key, len), near);
	else
		fault(c, line, "unknown key %s, expected one that "
		      "\"vined --help-config\" prints", quote(&q, key, len));
}

static void
set_value(struct utils_config *c, unsigned int line, enum utils_key key,
	  const char *text)
{
	const struct utils_keys_row *row = &utils_keys_table[key];
	struct value *value = &c->values[key];
	char expected[UTILS_KEYS_TEXT_MAX];
	uint64_t number;
	struct quote q;

	if (value->line && !(row->flags & UTILS_KEYS_MULTI)) {
		fault(c, line, "%s is set again, line %u set it first; "
		      "expected once", row->name, value->line);
		return;
	}
	if (utils_keys_check(row, text, &number)) {
		fault(c, line, "%s is %s, expected %s", row->name,
		      quote(&q, text, strlen(text)),
		      utils_keys_expected(row, expected));
		/* so that a second one is told as such, and none as missing */
		if (!value->line)
			value->line = line;
		return;
	}
	if (row->flags & UTILS_KEYS_MULTI) {
		if (c->multi_count == MULTI_MAX) {
			fault(c, line, "%s is one value too many, expected at "
			      "most %u of all keys that may stand more than "
			      "once", row->name, MULTI_MAX);
			return;
		}
		c->multi[c->multi_count].key = key;
		c->multi[c->multi_count++].text = text;
		if (value->line)
			return;
	}
	value->text = text;
	value->number = number;
	value->line = line;
}

/* read_line takes one line, terminated and without its newline. */
static void
read_line(struct utils_config *c, unsigned int line, char *text, size_t len)
{
	size_t key_len;
	char *value;
	int key;

	if (len > LINE_MAX_BYTES) {
		fault(c, line, "line of %zu bytes, expected at most %u", len,
		      LINE_MAX_BYTES);
		return;
	}
	while (len && is_space(text[len - 1]))
		text[--len] = '\0';
	while (is_space(*text))
		text++;
	if (*text == '\0' || *text == '#')
		return;
	for (key_len = 0; text[key_len] && !is_space(text[key_len]); key_len++)
		;
	key = utils_keys_find(text, key_len);
	if (key < 0) {
		unknown_key(c, line, text, key_len);
		return;
	}
	value = text + key_len;
	while (is_space(*value))
		value++;
	set_value(c, line, (enum utils_key)key, value);
}

/* read_text takes c->text of `size` bytes; byte `size` is there and 0. */
static void
read_text(struct utils_config *c, size_t size)
{
	char *at = c->text, *end = c->text + size;
	char *nul = memchr(at, '\0', size);
	unsigned int line;

	for (line = 1; at < end; line++) {
		char *newline = memchr(at, '\n', (size_t)(end - at));
		char *stop = newline ? newline : end;

		/* not a text: what follows would only be more noise */
		if (nul && nul < stop) {
			fault(c, line, "a zero byte, expected text");
			return;
		}
		*stop = '\0';
		read_line(c, line, at, (size_t)(stop - at));
		at = stop + 1;
	}
}

static void
set_defaults(struct utils_config *c)
{
	size_t i;

	for (i = 0; i < UTILS_KEY_COUNT; i++) {
		const struct utils_keys_row *row = &utils_keys_table[i];
		struct value *value = &c->values[i];

		value->text = row->value;
		if (row->value &&
		    utils_keys_check(row, row->value, &value->number))
			fault(c, 0, "%s has the default %s, which is not in "
			      "its own range", row->name, row->value);
	}
}

static void
find_missing(struct utils_config *c)
{
	char names[128] = "";
	size_t i, len;

	for (i = 0; i < UTILS_KEY_COUNT; i++) {
		const struct utils_keys_row *row = &utils_keys_table[i];

		if (!(row->flags & UTILS_KEYS_REQUIRED))
			continue;
		if (c->values[i].line)
			return;
		len = strlen(names);
		snprintf(names + len, sizeof(names) - len, "%s%s",
			 len ? " or " : "", row->name);
	}
	if (names[0])
		fault(c, 0, "no %s is set, expected one of them", names);
}

/*
 * make_config turns a text into a config and owns the text from here on. Byte
 * `size` of it is there and 0.
 */
static int
make_config(char *text, size_t size, const char *name,
	    struct utils_config **config)
{
	struct utils_config *c = calloc(1, sizeof(*c));

	if (c)
		c->name = strdup(name);
	if (!c || !c->name) {
		log_error("%s: no memory for a config", name);
		free(c);
		free(text);
		return -ENOMEM;
	}
	c->text = text;
	set_defaults(c);
	read_text(c, size);
	find_missing(c);
	if (c->faults) {
		utils_config_free(c);
		return -EINVAL;
	}
	*config = c;
	return 0;
}

static int
too_large(const char *name)
{
	log_error("%s: more than %u bytes, expected a config", name, FILE_MAX);
	return -EINVAL;
}

int
utils_config_parse(const char *text, const char *name,
		   struct utils_config **config)
{
	size_t size = strlen(text);
	char *copy;

	if (size > FILE_MAX)
		return too_large(name);
	copy = malloc(size + 1);
	if (!copy) {
		log_error("%s: no memory for a config", name);
		return -ENOMEM;
	}
	memcpy(copy, text, size + 1);
	return make_config(copy, size, name, config);
}

/* The password database's home of the user that runs this process. */
static int
home_of_user(char *home, size_t size)
{
	struct passwd entry, *found = NULL;
	char *buf = malloc(PASSWD_SIZE);
	int rc = -ENOENT;

	if (!buf)
		return -ENOMEM;
	if (getpwuid_r(getuid(), &entry, buf, PASSWD_SIZE, &found) == 0 &&
	    found && found->pw_dir && found->pw_dir[0]) {
		rc = 0;
		if ((size_t)snprintf(home, size, "%s", found->pw_dir) >= size)
			rc = -ENAMETOOLONG;
	}
	free(buf);
	return rc;
}

int
utils_config_path(char *path, size_t size)
{
	/* secure: another user's environment does not choose a setuid
	 * program's config */
	const char *file = secure_getenv("VINE_CONFIG");
	const char *home = secure_getenv("HOME");
	char buf[4096];
	int len, rc;

	if (file && file[0]) {
		len = snprintf(path, size, "%s", file);
	} else {
		if (!home || !home[0]) {
			rc = home_of_user(buf, sizeof(buf));
			if (rc)
				return rc;
			home = buf;
		}
		len = snprintf(path, size, "%s/%s", home, DEFAULT_NAME);
	}
	return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : 0;
}

static int
check_kind(int fd, const char *file)
{
	struct stat st;

	if (fstat(fd, &st)) {
		int err = errno;

		log_error("%s: cannot be looked at: %s", file, strerror(err));
		return -err;
	}
	if (S_ISREG(st.st_mode))
		return 0;
	log_error("%s: is %s, expected a regular file", file,
		  S_ISDIR(st.st_mode) ? "a directory" : "a special file");
	return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
}

/* read_all reads up to size bytes; it returns how many there were, or -errno */
static ssize_t
read_all(int fd, char *buf, size_t size)
{
	size_t done = 0;
	ssize_t n;

	while (done < size) {
		n = read(fd, buf + done, size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static int
read_file(int fd, const char *file, struct utils_config **config)
{
	char *text, *shrunk;
	ssize_t n;
	int rc;

	rc = check_kind(fd, file);
	if (rc)
		return rc;
	/* the file may grow meanwhile: its size now says nothing */
	text = malloc(FILE_MAX + 2);
	if (!text) {
		log_error("%s: no memory to read it", file);
		return -ENOMEM;
	}
	n = read_all(fd, text, FILE_MAX + 1);
	if (n < 0 || n > (ssize_t)FILE_MAX) {
		free(text);
		if (n >= 0)
			return too_large(file);
		log_error("%s: cannot be read: %s", file, strerror((int)-n));
		return (int)n;
	}
	text[n] = '\0';
	shrunk = realloc(text, (size_t)n + 1);
	if (shrunk)
		text = shrunk;
	return make_config(text, (size_t)n, file, config);
}

int
utils_config_read(const char *file, struct utils_config **config)
{
	char path[4096];
	int fd, rc;

	if (!file) {
		rc = utils_config_path(path, sizeof(path));
		if (rc) {
			log_error("no config file: VINE_CONFIG and HOME are "
				  "not set, and the home directory of user %u "
				  "is not known: %s", (unsigned int)getuid(),
				  strerror(-rc));
			return rc;
		}
		file = path;
	}
	/* non-blocking: open would wait for the writer of a fifo */
	fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		rc = -errno;
		log_error("%s: the config cannot be opened: %s", file,
			  strerror(-rc));
		return rc;
	}
	rc = read_file(fd, file, config);
	close(fd);
	return rc;
}

void
utils_config_free(struct utils_config *config)
{
	if (!config)
		return;
	free(config->text);
	free(config->name);
	free(config);
}

const char *
utils_config_name(const struct utils_config *config)
{
	return config->name;
}

const char *
utils_config_str(const struct utils_config *c, enum utils_key key)
{
	return c->values[key].text;
}

uint64_t
utils_config_u64(const struct utils_config *c, enum utils_key key)
{
	return c->values[key].number;
}

int
utils_config_bool(const struct utils_config *c, enum utils_key key)
{
	return c->values[key].number != 0;
}

int
utils_config_is_set(const struct utils_config *c, enum utils_key key)
{
	return c->values[key].line != 0;
}

size_t
utils_config_count(const struct utils_config *c, enum utils_key key)
{
	size_t count = 0;
	size_t i;

	if (!(utils_keys_table[key].flags & UTILS_KEYS_MULTI))
		return c->values[key].line != 0;
	for (i = 0; i < c->multi_count; i++)
		count += c->multi[i].key == key;
	return count;
}

const char *
utils_config_nth(const struct utils_config *c, enum utils_key key, size_t i)
{
	size_t at;

	if (!(utils_keys_table[key].flags & UTILS_KEYS_MULTI))
		return i == 0 && c->values[key].line ? c->values[key].text :
						       NULL;
	for (at = 0; at < c->multi_count; at++) {
		if (c->multi[at].key == key && i-- == 0)
			return c->multi[at].text;
	}
	return NULL;
}

void
utils_config_help(FILE *out)
{
	size_t i;

	for (i = 0; i < UTILS_KEY_COUNT; i++)
		utils_keys_print(&utils_keys_table[i], out);
}
