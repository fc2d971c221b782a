/*
 * scan_cases.h: texts the JSON scanner takes, and texts it refuses with the
 * field, message and offset it must name. For test_scan.c alone.
 */
#ifndef SCAN_CASES_H
#define SCAN_CASES_H

#include <stddef.h>

#define TEXT(literal) literal, sizeof(literal) - 1
#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))

/* Messages, as far as a case needs them to be told apart. */
#define ENDS      "ends too early"
#define VALUE     "a value is expected"
#define NAME      "a name is expected"
#define COLON     "a colon"
#define COMMA     ", or"
#define BEHIND    "text behind"
#define UTF8      "UTF-8"
#define CONTROL   "control character"
#define ESCAPE    "unknown escape"
#define HEX       "hex digits"
#define NUL       "\\u0000"
#define SURROGATE "surrogate"
#define TWICE     "twice"
#define DEEP      "deeper than 32"
#define DIGIT     "a digit is missing"
#define ZERO      "starts with 0"
#define MINUS     "-0 is"
#define INTEGER   "integer is beyond"
#define DOUBLE    "double"
#define BOM       "byte order mark"

#define OPEN8 "[[[[[[[["
#define END8  "]]]]]]]]"

static const struct {
	const char *text;
	size_t len;
} good[] = {
    {TEXT("{}")},
    {TEXT("[]")},
    {TEXT(" \t\r\n{ } \t\r\n")},
    {TEXT("null")},
    {TEXT("true")},
    {TEXT("false")},
    {TEXT("\"\"")},
    {TEXT("[null , true,false]")},
    {TEXT("{\"a\" : 1 , \"b\" : 2 }")},
    {TEXT("{\"a\":{\"a\":[{\"a\":1},{\"a\":2}]},\"b\":[],\"\":\"\"}")},
    {TEXT("{\"a\":1,\"A\":2,\"a \":3,\"\\u0061b\":4}")},
    {TEXT("\"\\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u00e9 \\uFFFF\"")},
    {TEXT("\"\\ud83d\\ude00 \\uD800\\uDC00 \\uDBFF\\uDFFF \\ud7ff \\ue000\"")},
    {TEXT("\"\x7f\"")},
    /* first and last of each UTF-8 form */
    {TEXT("\"\xc2\x80 \xdf\xbf\"")},
    {TEXT("\"\xe0\xa0\x80 \xec\xbf\xbf \xed\x80\x80 \xed\x9f\xbf\"")},
    {TEXT("\"\xee\x80\x80 \xef\xbf\xbf\"")},
    {TEXT("\"\xf0\x90\x80\x80 \xf3\xbf\xbf\xbf \xf4\x8f\xbf\xbf\"")},
    {TEXT(OPEN8 OPEN8 OPEN8 OPEN8 END8 END8 END8 END8)},
    {TEXT(OPEN8 OPEN8 OPEN8 OPEN8 "1" END8 END8 END8 END8)},
    {TEXT(OPEN8 OPEN8 OPEN8 "[[[[[[[{\"a\":\"\"}]]]]]]]" END8 END8 END8)},
    {TEXT("[0,1,-1,10,9007199254740991,-9007199254740991]")},
    {TEXT("[0.0,-0.0,0e0,0E+5,-0e-5,0.000e999999999999999999999]")},
    {TEXT("[0.1,1.5,-2.50,1e2,1E-2,1e+2,100e-2,123456.789]")},
    {TEXT("[9007199254740992.0,1e22,1e23,0.30000000000000004]")},
    {TEXT("[1.7976931348623157e308,2.2250738585072014e-308]")},
    {TEXT("[1.7e308,-1.7e308,1e-307,9.9e307]")},
    {TEXT("[5e-324,4.9e-324,1e-323,2.5e-320]")},
    {TEXT("[0.1000000000000000055511151231257827021181583404541015625]")},
    {TEXT("[1.50000000000000000000000000000000000000000000000000000]")},
    {TEXT("[0.00000000000000000000000000000000000000000000000000015]")},
    {TEXT("[15000000000000000000000000000000000000000000000000000e-3]")},
};

static const struct {
	const char *text;
	size_t len;
	const char *field;
	const char *message; /* a part of it */
	size_t offset;
} bad[] = {
    /* not JSON */
    {TEXT(""), "", ENDS, 0},
    {TEXT("  "), "", ENDS, 2},
    {TEXT("{"), "", ENDS, 1},
    {TEXT("["), "[0]", ENDS, 1},
    {TEXT("{\"a\""), "a", ENDS, 4},
    {TEXT("{\"a\":"), "a", ENDS, 5},
    {TEXT("{\"a\":1"), "", ENDS, 6},
    {TEXT("{\"a\":1,"), "", ENDS, 7},
    {TEXT("[1"), "", ENDS, 2},
    {TEXT("\"ab"), "", ENDS, 3},
    {TEXT("{\"ab"), "", ENDS, 4},
    {TEXT("\"\\u00e9"), "", ENDS, 7},
    {TEXT("-"), "", ENDS, 1},
    {TEXT("1."), "", ENDS, 2},
    {TEXT("1e"), "", ENDS, 2},
    {TEXT("1e+"), "", ENDS, 3},
    {TEXT("tru"), "", VALUE, 0},
    {TEXT("TRUE"), "", VALUE, 0},
    {TEXT("nul"), "", VALUE, 0},
    {TEXT("truex"), "", BEHIND, 4},
    {TEXT("{} {}"), "", BEHIND, 3},
    {TEXT("{}\0{}"), "", BEHIND, 2},
    {TEXT("{}\0"), "", BEHIND, 2},
    {TEXT("\0"), "", VALUE, 0},
    {TEXT("{\0}"), "", NAME, 1},
    {TEXT("{}\f"), "", BEHIND, 2},
    {TEXT("\v{}"), "", VALUE, 0},
    {TEXT("\xc2\xa0{}"), "", VALUE, 0},
    {TEXT("{}]"), "", BEHIND, 2},
    {TEXT("[1,]"), "[1]", VALUE, 3},
    {TEXT("[,1]"), "[0]", VALUE, 1},
    {TEXT("[1 2]"), "", COMMA, 3},
    {TEXT("[1}"), "", COMMA, 2},
    {TEXT("{\"a\":1]"), "", COMMA, 6},
    {TEXT("{\"a\":1 \"b\":2}"), "", COMMA, 7},
    {TEXT("{\"a\":1,}"), "", NAME, 7},
    {TEXT("{,}"), "", NAME, 1},
    {TEXT("{a:1}"), "", NAME, 1},
    {TEXT("{'a':1}"), "", NAME, 1},
    {TEXT("{1:1}"), "", NAME, 1},
    {TEXT("{\"a\" 1}"), "a", COLON, 5},
    {TEXT("{\"a\",1}"), "a", COLON, 4},
    {TEXT("{\"a\":}"), "a", VALUE, 5},
    {TEXT("{\"a\":'x'}"), "a", VALUE, 5},
    {TEXT("[//c\n1]"), "[0]", VALUE, 1},
    {TEXT("[/*c*/1]"), "[0]", VALUE, 1},
    {TEXT("[NaN]"), "[0]", VALUE, 1},
    {TEXT("[nan]"), "[0]", VALUE, 1},
    {TEXT("[Infinity]"), "[0]", VALUE, 1},
    {TEXT("[-Infinity]"), "[0]", DIGIT, 2},
    {TEXT("[undefined]"), "[0]", VALUE, 1},
    {TEXT("\xef\xbb\xbf{}"), "", BOM, 0},
    {TEXT("\xef\xbb\xbf"), "", BOM, 0},
    {TEXT("\xfe\xff\0{\0}"), "", VALUE, 0},

    /* numbers: form */
    {TEXT("[.5]"), "[0]", VALUE, 1},
    {TEXT("[+1]"), "[0]", VALUE, 1},
    {TEXT("[1.]"), "[0]", DIGIT, 3},
    {TEXT("[1.e5]"), "[0]", DIGIT, 3},
    {TEXT("[1e]"), "[0]", DIGIT, 3},
    {TEXT("[1e-]"), "[0]", DIGIT, 4},
    {TEXT("[1e+-1]"), "[0]", DIGIT, 4},
    {TEXT("[-]"), "[0]", DIGIT, 2},
    {TEXT("[--1]"), "[0]", DIGIT, 2},
    {TEXT("[01]"), "[0]", ZERO, 1},
    {TEXT("[-01]"), "[0]", ZERO, 2},
    {TEXT("[00.5]"), "[0]", ZERO, 1},
    {TEXT("[0x10]"), "", COMMA, 2},
    {TEXT("[1_000]"), "", COMMA, 2},
    {TEXT("[1f]"), "", COMMA, 2},
    {TEXT("[1.5.5]"), "", COMMA, 4},
    {TEXT("[1e5e5]"), "", COMMA, 4},
    {TEXT("[1e5.5]"), "", COMMA, 4},
    /* numbers: value */
    {TEXT("[-0]"), "[0]", MINUS, 1},
    {TEXT("[9007199254740992]"), "[0]", INTEGER, 1},
    {TEXT("[-9007199254740992]"), "[0]", INTEGER, 1},
    {TEXT("[18446744073709551616]"), "[0]", INTEGER, 1},
    {TEXT("{\"n\":10000000000000000}"), "n", INTEGER, 5},
    {TEXT("[9007199254740993.0]"), "[0]", DOUBLE, 1},
    {TEXT("[9007199254740993e0]"), "[0]", DOUBLE, 1},
    {TEXT("[0.1000000000000000055]"), "[0]", DOUBLE, 1},
    {TEXT("[3.14159265358979323846]"), "[0]", DOUBLE, 1},
    {TEXT("[1.7976931348623159e308]"), "[0]", DOUBLE, 1},
    {TEXT("[1.8e308]"), "[0]", DOUBLE, 1},
    {TEXT("[1e309]"), "[0]", DOUBLE, 1},
    {TEXT("[-1e400]"), "[0]", DOUBLE, 1},
    {TEXT("[1e999999999999999999999999]"), "[0]", DOUBLE, 1},
    {TEXT("[1e-999999999999999999999999]"), "[0]", DOUBLE, 1},
    {TEXT("[1e-400]"), "[0]", DOUBLE, 1},
    {TEXT("[3e-324]"), "[0]", DOUBLE, 1},
    {TEXT("[2.34567890123e-320]"), "[0]", DOUBLE, 1},
    {TEXT("[0.123456789012345678]"), "[0]", DOUBLE, 1},

    /* strings */
    {TEXT("[\"a\nb\"]"), "[0]", CONTROL, 3},
    {TEXT("[\"\t\"]"), "[0]", CONTROL, 2},
    {TEXT("[\"\0\"]"), "[0]", CONTROL, 2},
    {TEXT("[\"\x1f\"]"), "[0]", CONTROL, 2},
    {TEXT("{\"a\nb\":1}"), "", CONTROL, 3},
    {TEXT("[\"\\a\"]"), "[0]", ESCAPE, 2},
    {TEXT("[\"\\'\"]"), "[0]", ESCAPE, 2},
    {TEXT("[\"\\x41\"]"), "[0]", ESCAPE, 2},
    {TEXT("[\"\\\0\"]"), "[0]", ESCAPE, 2},
    {TEXT("[\"\\\n\"]"), "[0]", ESCAPE, 2},
    {TEXT("[\"\\U0041\"]"), "[0]", ESCAPE, 2},
    {TEXT("\"\\"), "", ESCAPE, 1},
    {TEXT("[\"\\u12\"]"), "[0]", HEX, 2},
    {TEXT("[\"\\u12g4\"]"), "[0]", HEX, 2},
    {TEXT("[\"\\u+123\"]"), "[0]", HEX, 2},
    {TEXT("[\"\\u 123\"]"), "[0]", HEX, 2},
    {TEXT("[\"\\u00\0\0\"]"), "[0]", HEX, 2},
    {TEXT("\"\\u"), "", HEX, 1},
    {TEXT("\"\\u004"), "", HEX, 1},
    {TEXT("[\"a\\u0000b\"]"), "[0]", NUL, 3},
    {TEXT("{\"a\\u0000b\":1}"), "", NUL, 3},
    {TEXT("[\"\\ud800\"]"), "[0]", SURROGATE, 2},
    {TEXT("[\"\\udbff\"]"), "[0]", SURROGATE, 2},
    {TEXT("[\"\\udc00\"]"), "[0]", SURROGATE, 2},
    {TEXT("[\"\\udc00\\udc00\"]"), "[0]", SURROGATE, 2},
    {TEXT("[\"\\udfff\\ud800\"]"), "[0]", SURROGATE, 2},
    {TEXT("[\"\\ud800\\ud800\"]"), "[0]", SURROGATE, 2},
    {TEXT("[\"\\ud800\\u0041\"]"), "[0]", SURROGATE, 2},
    {TEXT("[\"\\ud800\\ue000\"]"), "[0]", SURROGATE, 2},
    {TEXT("[\"\\ud800\\n\"]"), "[0]", SURROGATE, 2},
    {TEXT("[\"\\ud800xudc00\"]"), "[0]", SURROGATE, 2},
    {TEXT("[\"\\ud800 \\udc00\"]"), "[0]", SURROGATE, 2},
    {TEXT("\"\\ud800\\udc0"), "", SURROGATE, 1},
    {TEXT("{\"\\ud800\":1}"), "", SURROGATE, 2},

    /* UTF-8 */
    {TEXT("[\"\x80\"]"), "[0]", UTF8, 2},
    {TEXT("[\"\xbf\"]"), "[0]", UTF8, 2},
    {TEXT("[\"\xc0\xaf\"]"), "[0]", UTF8, 2},
    {TEXT("[\"\xc1\xbf\"]"), "[0]", UTF8, 2},
    {TEXT("[\"\xc3\"]"), "[0]", UTF8, 2},
    {TEXT("[\"\xc3\x28\"]"), "[0]", UTF8, 2},
    {TEXT("[\"\xc3\xc3\"]"), "[0]", UTF8, 2},
    {TEXT("[\"\xe0\x9f\xbf\"]"), "[0]", UTF8, 2},
    {TEXT("[\"\xe2\x82\"]"), "[0]", UTF8, 2},
    {TEXT("[\"\xe2\x82\xc2\"]"), "[0]", UTF8, 2},
    {TEXT("[\"\xed\xa0\x80\"]"), "[0]", UTF8, 2},
    {TEXT("[\"\xed\xbf\xbf\"]"), "[0]", UTF8, 2},
    {TEXT("[\"\xf0\x8f\xbf\xbf\"]"), "[0]", UTF8, 2},
    {TEXT("[\"\xf0\x9f\x98\"]"), "[0]", UTF8, 2},
    {TEXT("[\"\xf0\x9f\x98\x28\"]"), "[0]", UTF8, 2},
    {TEXT("[\"\xf4\x90\x80\x80\"]"), "[0]", UTF8, 2},
    {TEXT("[\"\xf5\x80\x80\x80\"]"), "[0]", UTF8, 2},
    {TEXT("[\"\xf8\x88\x80\x80\x80\"]"), "[0]", UTF8, 2},
    {TEXT("[\"\xff\"]"), "[0]", UTF8, 2},
    {TEXT("\"\xe2\x82"), "", UTF8, 1},
    {TEXT("{\"\xff\":1}"), "", UTF8, 2},
    {TEXT("[\xc3\xa9]"), "[0]", VALUE, 1},

    /* names that stand twice */
    {TEXT("{\"a\":1,\"a\":2}"), "a", TWICE, 7},
    {TEXT("{\"a\":1,\"b\":2,\"a\":3}"), "a", TWICE, 13},
    {TEXT("{\"\":1,\"\":2}"), "", TWICE, 6},
    {TEXT("{\"a\":1,\"\\u0061\":2}"), "a", TWICE, 7},
    {TEXT("{\"/\":1,\"\\/\":2}"), "/", TWICE, 7},
    {TEXT("{\"\\n\":1,\"\\u000a\":2}"), "\n", TWICE, 8},
    {TEXT("{\"\xc3\xa9\":1,\"\\u00E9\":2}"), "\xc3\xa9", TWICE, 8},
    {TEXT("{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}"), "\xf0\x9f\x98\x80",
	TWICE, 18},
    {TEXT("{\"\xe2\x82\xac\":1,\"\\u20AC\":2}"), "\xe2\x82\xac", TWICE, 9},
    {TEXT("{\"e\":{\"F\":1,\"F\":1}}"), "e.F", TWICE, 12},
    {TEXT("[{},{\"F\":[{\"x\":{}}],\"F\":1}]"), "[1].F", TWICE, 20},
    {TEXT("{\"a\":{\"b\":1},\"a\":1}"), "a", TWICE, 13},

    /* where the fault is */
    {TEXT("{\"envVars\":{\"OK\":\"\",\"FOO\":1e999}}"), "envVars.FOO", DOUBLE,
	26},
    {TEXT("{\"s\":[\"\",\"\",\"\",-0]}"), "s[3]", MINUS, 15},
    {TEXT("{\"a\":[[0,[0,1,{\"b\":x}]]]}"), "a[0][1][2].b", VALUE, 19},
    {TEXT("{\"a\":[[0,[0,1,{\"b\":0 x}]]]}"), "a[0][1][2]", COMMA, 21},
    {TEXT("{\"\":{\"a\":{\"\":-0}}}"), ".a.", MINUS, 13},
    {TEXT("{\"a.b\":[],\"c\":-0}"), "c", MINUS, 14},
    /* the first one, when there are more */
    {TEXT("{\"a\":-0,\"a\":1e999,}"), "a", MINUS, 5},

    /* depth */
    {TEXT(OPEN8 OPEN8 OPEN8 OPEN8 "["),
	"[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]"
	"[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]",
	DEEP, 32},
    {TEXT(OPEN8 OPEN8 OPEN8 OPEN8 "1,{"),
	"[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]"
	"[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][1]",
	DEEP, 34},
};

#endif
