/*
 * file.h: opening a file whose name comes from people or lies where others
 * can write.
 */
#ifndef FILE_H
#define FILE_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

/*
 * Opens a regular file for reading, and nothing else, at once: a FIFO would
 * wait for somebody who writes, a device can do anything. `flags`: O_NOFOLLOW
 * or 0. Returns a descriptor, for the caller to close; -1: errno says why
 * (EINVAL: no regular file), and *why in words, a static text.
 */
int file_open(const char *path, int flags, const char **why);

/* The same to be read by lines; NULL: it is none, or no memory. */
FILE *file_stream(const char *path);

/* What is wrong with a file that a library will open: NULL where it is a
 * regular one, or cannot be looked at; else a static text. */
const char *file_fault(const char *path);

/* Writes a whole file, beside it and renamed: who reads it finds the old or
 * the new one, and nothing that stood there is followed or waited for. The
 * path has at most 4,190 bytes. False: *why, a static text. */
bool file_replace(
    const char *path, const char *text, mode_t mode, const char **why);

#endif
