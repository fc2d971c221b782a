/*
 * web.c: what is known of a web server: doors, files, its process.
 */
#include "ctl/doctor/web.h"

#include "base/file.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

#define DOORS 64

struct door *
web_add(struct web *w)
{
	struct door *more;

	if (w->doors == DOORS)
		return NULL;
	more = realloc(w->door, (w->doors + 1) * sizeof(*more));
	if (!more)
		return NULL;
	w->door = more;
	memset(&more[w->doors], 0, sizeof(*more));
	return &more[w->doors++];
}

const char *
web_label(const struct door *door, char text[400])
{
	snprintf(text, 400, "%s on %s%s%s", door->tls ? "https" : "http",
	    door->listen, door->name[0] ? " as " : "", door->name);
	return text;
}

static void
changed(struct web *w, const char *path, const struct stat *st)
{
	const struct timespec *t = &st->st_ctim;

	if (t->tv_sec < w->changed.tv_sec ||
	    (t->tv_sec == w->changed.tv_sec && t->tv_nsec < w->changed.tv_nsec))
		return;
	w->changed = *t;
	text_copy(w->newest, sizeof(w->newest), path);
}

/* Of a link both count: it may be new, and what it leads to. */
void
web_changed(struct web *w, const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0)
		changed(w, path, &st);
	if (stat(path, &st) == 0)
		changed(w, path, &st);
}

pid_t
web_master(const char *pid_file, const char *program)
{
	char path[64], exe[300];
	FILE *f = file_stream(pid_file);
	int pid = 0;
	ssize_t n;

	if (f && fscanf(f, "%9d", &pid) != 1)
		pid = 0;
	if (f)
		fclose(f);
	if (pid <= 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	if (n <= 0)
		return 0;
	exe[n] = '\0';
	/* behind it may stand " (deleted)" */
	return strncmp(exe, program, strlen(program)) == 0 ? pid : 0;
}
