/*
 * init.h: one run of init, shared by its files.
 */
#ifndef CTL_INIT_H
#define CTL_INIT_H

#include "ctl/ctl.h"

struct init {
	struct ctl *c;
	bool dry;       /* say, do not do */
	bool changed;   /* something had to be made */
	bool project;   /* the first project is wanted */
	bool ask;       /* on a terminal: ask for it */
	bool out_taken; /* --out names a file that exists */
	bool database;  /* it is there by now */
	bool keyring_made;
	int version; /* of the schema */
	int pending; /* migrations that were, or are, to be applied */
	char answer[3][512];
	char by[160]; /* variables of our environment that chose the server */
	struct json_object *server, *steps, *next, *made_project, *made_key;
};

/* Says a step, and whether it found everything there. */
void init_step(struct init *i, bool there, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* Says what is left for people to do. */
void init_next(struct init *i, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The first project, its owner and key. */
int init_project(struct init *i);
/* What init cannot do itself. */
void init_hints(struct init *i);

#endif
