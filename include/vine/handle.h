/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handle: the objects of a session, as an application knows them. Pointers to
 * structs that only the library can look into, so that the compiler tells one
 * kind from another. A program that includes <vine_talk.h> first has VineTalk's
 * in their place, which were void.
 */
#ifndef VINE_HANDLE_H
#define VINE_HANDLE_H

typedef struct vine_accel_s vine_accel;
typedef struct vine_proc_s vine_proc;
typedef struct vine_data_s vine_data;
typedef struct vine_task_s vine_task;

#endif
