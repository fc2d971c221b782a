/*
 * admit.h: what a key that is good may do: from where, how often, and what.
 */
#ifndef ADMIT_H
#define ADMIT_H

#include "http/req.h"

/*
 * Judges the call by the caller's identity (auth.h). What the verified-key
 * table remembers lets a call in, and the guard holds it to the row; nobody is
 * refused by it: the row is asked first. In this order: ERR_FORBIDDEN (the
 * address), ERR_RATE_LIMITED, ERR_SCOPE_DENIED; or what auth_again says.
 */
MUST_CHECK enum err admit(struct req *r);

#endif
