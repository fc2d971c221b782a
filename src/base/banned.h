/*
 * banned.h: functions whose misuse is silent. Included last by every .c file;
 * a use of one of them does not compile.
 */
#ifndef BANNED_H
#define BANNED_H

#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef sprintf
#undef vsprintf
#undef strtok
#undef atoi
#undef atol
#undef gets

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok
#pragma GCC poison atoi atol atoll gets gmtime localtime ctime asctime rand

#endif
