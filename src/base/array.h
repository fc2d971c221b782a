/*
 * array.h: how many elements an array has, which must not be a pointer.
 */
#ifndef ARRAY_H
#define ARRAY_H

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
