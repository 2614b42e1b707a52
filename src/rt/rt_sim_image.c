/* SPDX-License-Identifier: Apache-2.0 */
/* A table of pages by number, grown by doubling. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rt/rt_sim_image.h"

void
rt_sim_image_free(struct rt_sim_image *image)
{
	for (uint64_t i = 0; i < image->room; i++)
		free(image->pages[i]);
	free(image->pages);
	memset(image, 0, sizeof(*image));
}

static int
has_page(const struct rt_sim_image *image, uint64_t page)
{
	return page < image->room && image->pages[page];
}

uint64_t
rt_sim_image_missing(const struct rt_sim_image *image, uint64_t offset,
		     uint64_t length)
{
	uint64_t n = 0;

	if (length == 0)
		return 0;
	for (uint64_t i = offset / RT_SIM_PAGE;
	     i <= (offset + length - 1) / RT_SIM_PAGE; i++)
		n += !has_page(image, i);
	return n;
}

static int
make_page(struct rt_sim_image *image, uint64_t page)
{
	if (has_page(image, page))
		return 0;
	if (page >= image->room) {
		uint64_t room = image->room ? image->room : 8;
		char **pages;

		while (room <= page)
			room *= 2;
		pages = realloc(image->pages, room * sizeof(*pages));
		if (pages == NULL)
			return -ENOMEM;
		memset(pages + image->room, 0,
		       (room - image->room) * sizeof(*pages));
		image->pages = pages;
		image->room = room;
	}
	image->pages[page] = calloc(1, RT_SIM_PAGE);
	if (image->pages[page] == NULL)
		return -ENOMEM;
	image->used++;
	return 0;
}

/* How much of a range is in the page where it begins. */
static uint64_t
in_page(uint64_t offset, uint64_t length)
{
	uint64_t n = RT_SIM_PAGE - offset % RT_SIM_PAGE;

	return n < length ? n : length;
}

int
rt_sim_image_write(struct rt_sim_image *image, uint64_t offset,
		   const void *data, uint64_t length)
{
	const char *from = data;

	while (length) {
		uint64_t n = in_page(offset, length);
		int rc = make_page(image, offset / RT_SIM_PAGE);

		if (rc)
			return rc;
		if (from) {
			memcpy(image->pages[offset / RT_SIM_PAGE] +
			       offset % RT_SIM_PAGE, from, n);
			from += n;
		}
		offset += n;
		length -= n;
	}
	return 0;
}

void
rt_sim_image_read(const struct rt_sim_image *image, uint64_t offset,
		  void *data, uint64_t length)
{
	char *to = data;

	while (length) {
		uint64_t n = in_page(offset, length);

		if (has_page(image, offset / RT_SIM_PAGE))
			memcpy(to, image->pages[offset / RT_SIM_PAGE] +
			       offset % RT_SIM_PAGE, n);
		else
			memset(to, 0, n);
		to += n;
		offset += n;
		length -= n;
	}
}

void
rt_sim_image_clear(struct rt_sim_image *image, uint64_t offset, uint64_t length)
{
	const uint64_t end = image->room * RT_SIM_PAGE;

	if (offset >= end)
		return;
	if (length > end - offset)
		length = end - offset;
	while (length) {
		uint64_t n = in_page(offset, length);
		char **page = &image->pages[offset / RT_SIM_PAGE];

		if (*page && n == RT_SIM_PAGE) {
			free(*page);
			*page = NULL;
			image->used--;
		} else if (*page) {
			memset(*page + offset % RT_SIM_PAGE, 0, n);
		}
		offset += n;
		length -= n;
	}
}

void
rt_sim_image_resize(struct rt_sim_image *image, uint64_t size)
{
	if (size < image->size)
		rt_sim_image_clear(image, size, UINT64_MAX - size);
	image->size = size;
}

int
rt_sim_image_copy(struct rt_sim_image *to, const struct rt_sim_image *from)
{
	rt_sim_image_clear(to, 0, UINT64_MAX);
	for (uint64_t i = 0; i < from->room; i++) {
		int rc = from->pages[i] == NULL ? 0 :
			rt_sim_image_write(to, i * RT_SIM_PAGE, from->pages[i],
					   RT_SIM_PAGE);

		if (rc)
			return rc;
	}
	to->size = from->size;
	return 0;
}
