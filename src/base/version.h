/*
 * version.h: the package's version, "1.0.1": the newest entry of
 * cgi-bin/debian/changelog, which the Makefile reads.
 */
#ifndef VERSION_H
#define VERSION_H

extern const char version[];

#endif
