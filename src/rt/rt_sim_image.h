/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image: the bytes of a simulated file, of which only pages that were written
 * take memory. The rest is zero. For rt_sim*.c.
 */
#ifndef RT_SIM_IMAGE_H
#define RT_SIM_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#define RT_SIM_PAGE 4096u

/* Zero it to begin; rt_sim_image_free ends it. */
struct rt_sim_image {
	uint64_t size;		/* of the file */
	char **pages;
	uint64_t room;		/* in pages */
	uint64_t used;		/* pages that there are */
};

void rt_sim_image_free(struct rt_sim_image *image);

/* rt_sim_image_missing counts the pages of a range that there are not. */
uint64_t rt_sim_image_missing(const struct rt_sim_image *image, uint64_t offset,
			      uint64_t length);

/*
 * rt_sim_image_write writes bytes, NULL: makes pages that there are not. The
 * size stays. Returns 0 or -ENOMEM.
 */
int rt_sim_image_write(struct rt_sim_image *image, uint64_t offset,
		       const void *data, uint64_t length);

/* rt_sim_image_read reads bytes, zero where there is no page. */
void rt_sim_image_read(const struct rt_sim_image *image, uint64_t offset,
		       void *data, uint64_t length);

/* rt_sim_image_clear makes bytes zero and gives up whole pages. */
void rt_sim_image_clear(struct rt_sim_image *image, uint64_t offset,
			uint64_t length);

/* rt_sim_image_resize sets the size; what is beyond is zero then. */
void rt_sim_image_resize(struct rt_sim_image *image, uint64_t size);

/* rt_sim_image_copy makes one as another is. Returns 0 or -ENOMEM. */
int rt_sim_image_copy(struct rt_sim_image *to, const struct rt_sim_image *from);

#endif
