/*
 * probe.c: one request to the workers over FastCGI, and one to a web
 * server over HTTP, as doctor makes them.
 */
#include "ctl/doctor/web.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/uuid.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/banned.h"

#define LIMIT     CLOCK_S(10) /* a worker gives up after 8 */
#define ROOM      32768
#define HEAD      8 /* bytes in front of a record of FastCGI */
#define RESPONDER 1

enum record { BEGIN = 1, END = 3, PARAMS = 4, STDIN = 5, STDOUT = 6 };

/* Waits for the socket; false: not before the deadline. */
static bool
wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = events};
	int64_t left = deadline - clock_us();

	return left > 0 && poll(&p, 1, (int)(left / 1000) + 1) > 0;
}

/* Connects without waiting for longer than the deadline; errno, or 0. */
static int
connect_in_time(
    int fd, const struct sockaddr *address, socklen_t len, int64_t deadline)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (connect(fd, address, len) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return errno;
	if (!wait_for(fd, POLLOUT, deadline))
		return ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
		return errno;
	return error;
}

static bool
send_all(int fd, const char *data, size_t len, int64_t deadline)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN && wait_for(fd, POLLOUT, deadline))
			continue;
		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

/* Reads to the end, or as much as there is room for. False: the other side was
 * not done in time. */
static bool
receive(int fd, char *data, size_t size, size_t *used, int64_t deadline)
{
	*used = 0;
	while (*used < size) {
		ssize_t n;

		if (!wait_for(fd, POLLIN, deadline))
			return false;
		n = recv(fd, data + *used, size - *used, 0);
		if (n < 0 && errno == EAGAIN)
			continue;
		if (n <= 0)
			return true;
		*used += (size_t)n;
	}
	return true;
}

/* A header of the answer's, by its name with the colon; NULL: none. */
static const char *
header(const char *text, const char *name)
{
	for (const char *line = text; *line && *line != '\r';) {
		if (strncasecmp(line, name, strlen(name)) == 0)
			return line + strlen(name) +
			    strspn(line + strlen(name), " ");
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return NULL;
}

/* Of an error of the API's: text that we know to be harmless. */
static void
take_message(const char *body, struct answer *a)
{
	static const char mark[] = "\"message\":\"";
	const char *p = strstr(body, mark);
	size_t n = 0;

	for (p = p ? p + strlen(mark) : ""; *p && *p != '"'; p++)
		if (n + 1 < sizeof(a->message) && isprint((unsigned char)*p))
			a->message[n++] = *p;
	a->message[n] = '\0';
}

/* Head and body, with a line "HTTP/1.1 200 …" or "Status: 200 …". */
static void
take_answer(const char *text, struct answer *a)
{
	const char *body = strstr(text, "\r\n\r\n");
	const char *status = strncmp(text, "HTTP/1.", 7) == 0
	    ? text + strcspn(text, " \r\n")
	    : header(text, "Status:");
	const char *type = header(text, "Content-Type:");

	if (!body || !status)
		return;
	a->status = (int)strtol(status, NULL, 10);
	a->ours = type && strncmp(type, "application/json", 16) == 0 &&
	    header(text, "X-Request-ID:");
	/* metrics are text */
	a->ours = a->ours || strstr(body, "\ncodecourier_");
	if (a->ours)
		take_message(body, a);
}

static size_t
put_record(char *out, enum record type, const char *data, size_t len)
{
	const char head[HEAD] = {
	    1, (char)type, 0, 1, (char)(len >> 8), (char)(len & 0xff), 0, 0};

	memcpy(out, head, HEAD);
	memcpy(out + HEAD, data, len);
	return HEAD + len;
}

/* The whole request; the room is more than enough. */
static size_t
compose(char *out)
{
	static const char begin[8] = {0, RESPONDER, 0, 0, 0, 0, 0, 0};
	char params[512] = "", id[UUID_TEXT];
	const char *const pairs[][2] = {{"REQUEST_METHOD", "GET"},
	    {"REQUEST_URI", "/readyz"}, {"CONTENT_LENGTH", ""},
	    {"REMOTE_ADDR", "127.0.0.1"}, {"REQUEST_ID", id}};
	size_t n = 0, used;

	uuid_make(id);
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		params[n++] = (char)strlen(pairs[i][0]);
		params[n++] = (char)strlen(pairs[i][1]);
		n += (size_t)snprintf(params + n, sizeof(params) - n, "%s%s",
		    pairs[i][0], pairs[i][1]);
	}
	used = put_record(out, BEGIN, begin, sizeof(begin));
	used += put_record(out + used, PARAMS, params, n);
	used += put_record(out + used, PARAMS, "", 0);
	used += put_record(out + used, STDIN, "", 0);
	return used;
}

/* Puts the content of the STDOUT records together, in place. False: they do
 * not come to their end. */
static bool
unpack(char *data, size_t len)
{
	size_t used = 0, at = 0;

	while (len - at >= HEAD) {
		const unsigned char *r = (unsigned char *)data + at;
		size_t content = (size_t)r[4] << 8 | r[5], padding = r[6];

		if (r[1] == END) {
			data[used] = '\0';
			return true;
		}
		at += HEAD;
		if (content + padding > len - at)
			return false;
		if (r[1] == STDOUT) {
			memmove(data + used, data + at, content);
			used += content;
		}
		at += content + padding;
	}
	return false;
}

static void
ask(const char *path, struct answer *a)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int64_t deadline = clock_us() + LIMIT;
	char out[1024], in[ROOM + 1];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	size_t n;

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		a->error = errno;
	} else if (!send_all(fd, out, compose(out), deadline) ||
	    !receive(fd, in, ROOM, &n, deadline)) {
		a->silent = true;
	} else if (unpack(in, n)) {
		take_answer(in, a);
	}
	if (fd >= 0)
		close(fd);
}

static bool
become(const struct passwd *pw)
{
	return initgroups(pw->pw_name, pw->pw_gid) == 0 &&
	    setgid(pw->pw_gid) == 0 && setuid(pw->pw_uid) == 0 &&
	    geteuid() == pw->pw_uid && getegid() == pw->pw_gid;
}

/* In a process of its own: nobody comes back from another user. */
bool
ask_workers(const char *socket, const char *user, struct answer *a)
{
	struct passwd *pw = user ? getpwnam(user) : NULL;
	ssize_t n = -1;
	int ends[2];
	pid_t pid;

	memset(a, 0, sizeof(*a));
	if (user && !pw)
		return false;
	if (!pw || pw->pw_uid == geteuid()) {
		ask(socket, a);
		return true;
	}
	if (geteuid() != 0 || pipe2(ends, O_CLOEXEC) != 0)
		return false;
	pid = fork();
	if (pid == 0) {
		if (!become(pw))
			_exit(1);
		ask(socket, a);
		n = write(ends[1], a, sizeof(*a));
		_exit(n == sizeof(*a) ? 0 : 1);
	}
	close(ends[1]);
	if (pid > 0)
		n = read(ends[0], a, sizeof(*a));
	close(ends[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return n == sizeof(*a);
}

/* Where to connect, of "127.0.0.1:8080", "[::]:443", "*:80", "8080" or a name;
 * NULL: nowhere. Free it. */
static struct addrinfo *
address_of(const char *listen)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
	char host[80], *colon;
	const char *port = "80", *name = host;

	snprintf(host, sizeof(host), "%s", listen);
	colon = strrchr(host, ':');
	if (colon && !strchr(colon, ']')) {
		*colon = '\0';
		port = colon + 1;
	} else if (host[strspn(host, "0123456789")] == '\0') {
		port = listen;
		host[0] = '\0';
	}
	if (host[0] == '[') {
		name++;
		colon = strchr(host, ']');
		if (colon)
			*colon = '\0';
	}
	if (!name[0] || strcmp(name, "*") == 0 ||
	    strcmp(name, "0.0.0.0") == 0 || strcmp(name, "_default_") == 0)
		name = "127.0.0.1";
	else if (strcmp(name, "::") == 0)
		name = "::1";
	return getaddrinfo(name, port, &hints, &found) == 0 ? found : NULL;
}

static void
exchange(struct door *door, int fd, int64_t deadline)
{
	static const char proxy[] = "PROXY UNKNOWN\r\n";
	struct answer *a = &door->answer;
	char out[512], in[ROOM + 1] = "";
	size_t n = 0;

	snprintf(out, sizeof(out),
	    "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: codecourierctl-doctor"
	    "\r\nConnection: close\r\n\r\n",
	    door->path[0] ? door->path : "/readyz",
	    door->name[0] ? door->name : "localhost");
	if (door->proxied && !send_all(fd, proxy, strlen(proxy), deadline)) {
		a->silent = true;
	} else if (door->tls) {
		tls_exchange(fd, door->name, out, in, sizeof(in), deadline, a);
	} else {
		a->silent = !send_all(fd, out, strlen(out), deadline) ||
		    !receive(fd, in, ROOM, &n, deadline);
		in[n] = '\0';
	}
	if (!a->silent)
		take_answer(in, a);
}

void
ask_door(struct door *door, int64_t limit)
{
	int64_t deadline = clock_us() + limit;
	struct addrinfo *to = address_of(door->listen);
	int fd = -1;

	memset(&door->answer, 0, sizeof(door->answer));
	if (to)
		fd = socket(to->ai_family,
		    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		door->answer.error = to ? errno : EADDRNOTAVAIL;
	else
		door->answer.error =
		    connect_in_time(fd, to->ai_addr, to->ai_addrlen, deadline);
	if (!door->answer.error)
		exchange(door, fd, deadline);
	if (fd >= 0)
		close(fd);
	if (to)
		freeaddrinfo(to);
}
