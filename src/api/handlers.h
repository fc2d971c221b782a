/*
 * handlers.h: the handlers and their bodies, in the order of the table of
 * routes. A handler runs its statements through guard.h, then either fills
 * the answer and returns ERR_OK, or returns why not (req_fail has words).
 */
#ifndef HANDLERS_H
#define HANDLERS_H

#include "http/req.h"

enum err project_get(struct req *r);
enum err project_update(struct req *r);
enum err project_delete(struct req *r);
extern const struct body project_update_body, project_delete_body;

enum err settings_get(struct req *r);
enum err settings_update(struct req *r);
extern const struct body settings_update_body;

enum err history_list(struct req *r);
enum err history_get(struct req *r);
enum err history_rollback(struct req *r);
extern const struct body history_rollback_body;

enum err env_get(struct req *r);
enum err env_import(struct req *r);
extern const struct body env_import_body;

enum err member_list(struct req *r);
enum err member_invite(struct req *r);
enum err member_resend(struct req *r);
enum err member_remove(struct req *r);
enum err member_update_role(struct req *r);
extern const struct body member_invite_body, member_resend_body,
    member_remove_body, member_update_role_body;

enum err provider_key_list(struct req *r);
enum err provider_key_set(struct req *r);
enum err provider_key_remove(struct req *r);
extern const struct body provider_key_set_body, provider_key_remove_body;

enum err api_key_list(struct req *r);
enum err api_key_generate(struct req *r);
enum err api_key_update(struct req *r);
enum err api_key_rotate(struct req *r);
enum err api_key_revoke(struct req *r);
enum err api_key_whoami(struct req *r);
extern const struct body api_key_generate_body, api_key_update_body,
    api_key_rotate_body, api_key_revoke_body;

enum err credential_revoke(struct req *r);
extern const struct body credential_revoke_body;

enum err invitation_accept(struct req *r);
extern const struct body invitation_accept_body;

enum err counters_get(struct req *r);

enum err audit_list(struct req *r);
extern const char *const audit_actions[]; /* NULL at the end */

enum err health_live(struct req *r);
enum err health_ready(struct req *r);

#endif
