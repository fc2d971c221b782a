/*
 * fuzz.h: what the fuzz targets share. A target is one function that takes
 * any bytes; what it finds wrong it says by EXPECT. driver.c makes a libFuzzer
 * program of one target, tests/unit/api/test_fuzz_replay.c a test of all of
 * them.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "http/req.h"

#include <stddef.h>
#include <stdint.h>

typedef void fuzz_target(const uint8_t *data, size_t len);

fuzz_target fuzz_scan, fuzz_body, fuzz_wire, fuzz_records, fuzz_query, fuzz_key,
    fuzz_conf, fuzz_keyring, fuzz_cidr, fuzz_dotenv;

/* Ends the program, or the test. */
_Noreturn void fuzz_failed(const char *what, const char *file, int line);

#define EXPECT(what) ((what) ? (void)0 : fuzz_failed(#what, __FILE__, __LINE__))

/* A copy with a NUL behind it; free it. */
char *fuzz_text(const uint8_t *data, size_t len);

/* A new folder that is removed, with the files in it, when the program ends.
 * The text lives as long. */
const char *fuzz_folder(void);

/* A key that the workers' table knows (see fuzz_app), and its project. */
#define FUZZ_KEY     "cc_live_Ab3dE6gH0123456789ABCDEFGHIJKLMNOPQRSTUV2NMmLo"
#define FUZZ_PROJECT "00000000-0000-4000-8000-000000000001"

/* A worker's state without a database, with FUZZ_KEY verified. */
struct app *fuzz_app(void);

/* JSON text → object by json-c, having seen that json.c makes the same of it;
 * the scanner must have taken it. */
struct json_object *fuzz_parse(const char *text, size_t len);

/* The request's answer is what the contract promises for its status. */
void fuzz_check_answer(const struct req *r);

#endif
