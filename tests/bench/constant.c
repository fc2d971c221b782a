/*
 * constant.c: the limit of the machine: a FastCGI program that answers a
 * constant. Started by the pool script as the worker is.
 *
 *   constant -w      print the number of workers
 *
 * CONSTANT_WORKERS  how many
 * CONSTANT_BODY     file with the body of the answer
 * CONSTANT_LOOP     "own": the worker's accept loop (src/http/fcgi.c); "stock":
 *                   the loop of libfcgi's examples
 */
#include "http/fcgi.h"

#include <fcgiapp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

static char head[256];
static char *body;
static size_t head_len, body_len;

static void
load(const char *path)
{
	FILE *file = path ? fopen(path, "rb") : NULL;

	if (!file || fseek(file, 0, SEEK_END) != 0)
		exit(1);
	body_len = (size_t)ftell(file);
	rewind(file);
	body = malloc(body_len);
	if (!body || fread(body, 1, body_len, file) != body_len)
		exit(1);
	fclose(file);
	/* the headers of the worker */
	head_len = (size_t)snprintf(head, sizeof(head),
	    "Status: 200 OK\r\n"
	    "X-Request-ID: 00000000-0000-4000-8000-000000000000\r\n"
	    "Cache-Control: no-store\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "Content-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    body_len);
}

static void
run_own(void)
{
	char why[256], *input;
	const struct wire *wire = fcgi_open(why, sizeof(why));
	enum wire_event event;
	size_t len;

	if (!wire)
		exit(1);
	while ((event = wire->next(-1)) != WIRE_STOP) {
		if (event != WIRE_REQUEST)
			continue;
		if (wire_body(wire, &input, &len, 1 << 20) == ERR_OK)
			free(input);
		wire->write(head, head_len);
		wire->write(body, body_len);
		wire->finish();
	}
}

static void
run_stock(void)
{
	FCGX_Request request;

	if (FCGX_Init() != 0 || FCGX_InitRequest(&request, 0, 0) != 0)
		exit(1);
	while (FCGX_Accept_r(&request) >= 0) {
		FCGX_PutStr(head, (int)head_len, request.out);
		FCGX_PutStr(body, (int)body_len, request.out);
		FCGX_Finish_r(&request);
	}
}

int
main(int argc, char **argv)
{
	const char *loop = getenv("CONSTANT_LOOP");

	if (argc > 1 && strcmp(argv[1], "-w") == 0)
		return puts(getenv("CONSTANT_WORKERS")) < 0;
	load(getenv("CONSTANT_BODY"));
	if (loop && strcmp(loop, "stock") == 0)
		run_stock();
	else
		run_own();
	free(body);
	return 0;
}
