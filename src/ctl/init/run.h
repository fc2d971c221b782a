/*
 * run.h: one run of init: what it wants, what it has found, what it says.
 */
#ifndef INIT_RUN_H
#define INIT_RUN_H

#include "ctl/project.h"

struct init {
	struct ctl *c;
	bool dry;       /* say, do not do */
	bool changed;   /* something had to be made */
	bool wanted;    /* the first project is: its name, slug and owner */
	bool ask;       /* on a terminal: ask for it */
	bool out_taken; /* --out names a file that exists */
	bool database;  /* it is there by now */
	bool keyring_made;
	int version; /* of the schema */
	int pending; /* migrations that were, or are, to be applied */
	struct project_wanted project;
	char answer[3][512];
	char by[160]; /* variables of our environment that chose the server */
	struct json_object *server, *steps, *next, *made_project, *made_key;
};

/* Says of a step that it found everything there, or that it made it (or, in a
 * dry run, would). */
void run_there(struct init *i, const char *fmt, ...) PRINTF_LIKE(2, 3);
void run_made(struct init *i, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Says what is left for people to do. */
void run_next(struct init *i, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
