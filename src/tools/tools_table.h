/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Table: a JSON object as people read it.
 *
 * Members that are no lists and no objects become lines, a name and a value
 * each; an object a heading with such lines; a list a heading with its texts,
 * or with a table where it is one of objects, whose first names the columns.
 * Keys that end in _bytes or _ns lose that, and their numbers get units.
 */
#ifndef TOOLS_TABLE_H
#define TOOLS_TABLE_H

#include <stdio.h>

#include <jansson.h>

/*
 * tools_table_print prints an object that anybody may have written: of texts it
 * shows what is printable ASCII. What failed, ferror(out) tells.
 */
void tools_table_print(json_t *object, FILE *out);

#endif
