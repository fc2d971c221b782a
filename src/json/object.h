/*
 * object.h: making an object, a member at a time. Memory may be short at each
 * of them, and the answer without that member would be another one: it is
 * marked, and so is whatever it is put into, until somebody asks whether the
 * whole of it is there.
 */
#ifndef OBJECT_H
#define OBJECT_H

#include <json-c/json_types.h>
#include <stdbool.h>
#include <stdint.h>

/* NULL: no memory; all below take that, and it is not whole. */
struct json_object *object_new(void);
struct json_object *object_list(void);

/* A member more. A text may be NULL: null. */
void object_null(struct json_object *o, const char *name);
void object_text(struct json_object *o, const char *name, const char *text);
void object_int(struct json_object *o, const char *name, int64_t n);
void object_uint(struct json_object *o, const char *name, uint64_t n);
void object_bool(struct json_object *o, const char *name, bool is);

/* A value, which is taken over; NULL: there was no memory for it. */
void object_add(
    struct json_object *o, const char *name, struct json_object *value);
void object_push(struct json_object *list, struct json_object *value);
void object_push_text(struct json_object *list, const char *text);

/* Whether all that was added is in it. */
bool object_is_whole(struct json_object *o);

#endif
