/* SPDX-License-Identifier: Apache-2.0 */
/*
 * List: objects in an order, linked both ways through a member of their own.
 *
 * An object has one utils_link for each list that it can be on at a time. The
 * list allocates nothing, owns nothing and locks nothing: its user sees to
 * that, and keeps an object alive while it is linked. All functions take
 * constant time and never fail. A link that is on no list points to itself, so
 * removing it twice does no harm; utils_link_init makes a new one so.
 *
 *	struct task { struct utils_link link; ... };
 *
 *	utils_list_push_back(&tasks, &task->link);
 *	utils_list_each(&tasks, link) {
 *		struct task *task = utils_list_of(link, struct task, link);
 *		...
 *	}
 */
#ifndef UTILS_LIST_H
#define UTILS_LIST_H

#include <stddef.h>

struct utils_link {
	struct utils_link *next;
	struct utils_link *prev;
};

/* The ends of a list: head.next is the first, head.prev the last. */
struct utils_list {
	struct utils_link head;
};

/* UTILS_LIST_EMPTY(list) initialises a list where it is defined. */
#define UTILS_LIST_EMPTY(list) { { &(list).head, &(list).head } }

/* utils_list_of returns the object whose member is the link. */
#define utils_list_of(link, type, member) \
	((type *)(void *)((char *)(link) - offsetof(type, member)))

/* utils_list_each visits all links; the list must not change meanwhile. */
#define utils_list_each(list, link) \
	for (struct utils_link *link = (list)->head.next; \
	     link != &(list)->head; link = link->next)

/*
 * utils_list_each_safe is the same, but the visited link may be removed, and
 * its object freed. The one behind it, which `after` names, must stay.
 */
#define utils_list_each_safe(list, link, after) \
	for (struct utils_link *link = (list)->head.next, \
	     *after = link->next; link != &(list)->head; \
	     link = after, after = link->next)

/* utils_link_init makes a link that is on no list. */
static inline void
utils_link_init(struct utils_link *link)
{
	link->next = link;
	link->prev = link;
}

/* utils_link_on_list tells whether a link is on a list. */
static inline int
utils_link_on_list(const struct utils_link *link)
{
	return link->next != link;
}

/* utils_list_init makes a list empty; what was on it is not touched. */
static inline void
utils_list_init(struct utils_list *list)
{
	utils_link_init(&list->head);
}

/* utils_list_empty tells whether nothing is on the list. */
static inline int
utils_list_empty(const struct utils_list *list)
{
	return list->head.next == &list->head;
}

/* utils_list_first returns the first link, NULL if the list is empty. */
static inline struct utils_link *
utils_list_first(const struct utils_list *list)
{
	return utils_list_empty(list) ? NULL : list->head.next;
}

/* utils_list_last returns the last link, NULL if the list is empty. */
static inline struct utils_link *
utils_list_last(const struct utils_list *list)
{
	return utils_list_empty(list) ? NULL : list->head.prev;
}

/* utils_list_insert_after puts a link that is on no list behind one that is. */
static inline void
utils_list_insert_after(struct utils_link *at, struct utils_link *link)
{
	link->prev = at;
	link->next = at->next;
	at->next->prev = link;
	at->next = link;
}

/* utils_list_push_front makes a link that is on no list the first. */
static inline void
utils_list_push_front(struct utils_list *list, struct utils_link *link)
{
	utils_list_insert_after(&list->head, link);
}

/* utils_list_push_back makes a link that is on no list the last. */
static inline void
utils_list_push_back(struct utils_list *list, struct utils_link *link)
{
	utils_list_insert_after(list->head.prev, link);
}

/* utils_list_remove takes a link off its list, if it is on one. */
static inline void
utils_list_remove(struct utils_link *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	utils_link_init(link);
}

/* utils_list_pop_front takes off the first link and returns it, or NULL. */
static inline struct utils_link *
utils_list_pop_front(struct utils_list *list)
{
	struct utils_link *link = utils_list_first(list);

	if (link)
		utils_list_remove(link);
	return link;
}

/* utils_list_move_all puts all of `from` behind all of `to`, in their order. */
static inline void
utils_list_move_all(struct utils_list *to, struct utils_list *from)
{
	if (utils_list_empty(from))
		return;
	from->head.next->prev = to->head.prev;
	from->head.prev->next = &to->head;
	to->head.prev->next = from->head.next;
	to->head.prev = from->head.prev;
	utils_list_init(from);
}

#endif
