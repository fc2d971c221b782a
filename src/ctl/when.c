/*
 * when.c: lengths of time and moments, see when.h.
 */
#include "ctl/when.h"

#include "base/array.h"

#include <string.h>
#include <time.h>

#include "base/banned.h"

bool
when_length(const char *text, int64_t *seconds)
{
	static const struct {
		const char *name;
		int64_t seconds;
	} units[] = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
	int64_t n = 0;
	size_t digits = strspn(text, "0123456789");

	if (digits < 1)
		return false;
	for (size_t i = 0; i < digits && n <= WHEN_LONGEST; i++)
		n = n * 10 + (text[i] - '0');
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(text + digits, units[i].name) != 0 ||
		    n > WHEN_LONGEST / units[i].seconds)
			continue;
		*seconds = n * units[i].seconds;
		return true;
	}
	return false;
}

/* Digits where the shape has a 0, else what it has. */
static bool
has_shape(const char *text, const char *shape)
{
	for (; *text && *shape; text++, shape++)
		if (*shape == '0' ? *text < '0' || *text > '9'
				  : *text != *shape)
			return false;
	return !*text && !*shape;
}

bool
when_moment(const char *text, int64_t *ms)
{
	static const struct {
		const char *shape, *form;
	} forms[] = {
	    {"0000-00-00", "%Y-%m-%d"},
	    {"0000-00-00T00:00:00Z", "%Y-%m-%dT%H:%M:%SZ"},
	    {"0000-00-00 00:00 UTC", "%Y-%m-%d %H:%M UTC"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct tm t = {0}, real;
		time_t seconds;

		if (!has_shape(text, forms[i].shape) ||
		    !strptime(text, forms[i].form, &t))
			continue;
		real = t;
		seconds = timegm(&real); /* 30 February is another day */
		if (real.tm_mday != t.tm_mday || real.tm_sec != t.tm_sec)
			return false;
		*ms = (int64_t)seconds * 1000;
		return true;
	}
	return false;
}
