/*
 * program.h: asking other programs.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

/*
 * Runs a program and keeps what it prints on both of its outputs (at most 4
 * MiB, NUL-terminated; free it). Returns its exit status, -1 when it did not
 * run; then *out is NULL.
 */
int program_run(char *const argv[], char **out);

#endif
