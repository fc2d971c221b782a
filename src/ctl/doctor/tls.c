/*
 * tls.c: certificates, and TLS as a client has it. The only user of
 * OpenSSL, which libpq brings to every host anyway.
 */
#include "ctl/doctor/web.h"

#include "base/clock.h"
#include "base/file.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

/* Where Debian keeps whom clients trust. */
#define TRUSTED_FOLDER "/etc/ssl/certs"
#define TRUSTED        TRUSTED_FOLDER "/ca-certificates.crt"

static int64_t
seconds(const ASN1_TIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) ? (int64_t)timegm(&tm) : 0;
}

/* The names that it is for, or its subject's. */
static void
take_names(X509 *x, struct certificate *c)
{
	GENERAL_NAMES *all =
	    X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	size_t used = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);

		if (g->type != GEN_DNS || used >= sizeof(c->names))
			continue;
		used += (size_t)snprintf(c->names + used,
		    sizeof(c->names) - used, "%s%.*s", used ? ", " : "",
		    ASN1_STRING_length(g->d.dNSName),
		    (const char *)ASN1_STRING_get0_data(g->d.dNSName));
	}
	GENERAL_NAMES_free(all);
	if (!used)
		X509_NAME_get_text_by_NID(X509_get_subject_name(x),
		    NID_commonName, c->names, sizeof(c->names));
	for (char *p = c->names; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
}

static void
take_certificate(X509 *x, const char *name, struct certificate *c)
{
	unsigned len = sizeof(c->digest);

	memset(c, 0, sizeof(*c));
	c->there = X509_digest(x, EVP_sha256(), c->digest, &len) == 1;
	c->starts = seconds(X509_get0_notBefore(x));
	c->ends = seconds(X509_get0_notAfter(x));
	c->fits = !name[0] || X509_check_host(x, name, 0, 0, NULL) == 1;
	take_names(x, c);
}

bool
tls_read(const char *path, struct certificate *c)
{
	FILE *f = file_stream(path);
	X509 *x = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;

	if (x)
		take_certificate(x, "", c);
	X509_free(x);
	if (f)
		fclose(f);
	ERR_clear_error();
	return x != NULL;
}

/* What the handshake has shown. The dates are looked at by themselves. */
static void
take_peer(SSL *ssl, const char *name, struct answer *a)
{
	X509 *x = SSL_get1_peer_certificate(ssl);
	long why = SSL_get_verify_result(ssl);

	if (x)
		take_certificate(x, name, &a->certificate);
	X509_free(x);
	if (why != X509_V_OK && why != X509_V_ERR_CERT_HAS_EXPIRED &&
	    why != X509_V_ERR_CERT_NOT_YET_VALID && access(TRUSTED, R_OK) == 0)
		snprintf(a->certificate.chain, sizeof(a->certificate.chain),
		    "%s", X509_verify_cert_error_string(why));
}

/* Whether to call again: the socket was waited for. */
static bool
again(SSL *ssl, int rc, int64_t deadline)
{
	int error = SSL_get_error(ssl, rc);
	struct pollfd p = {.fd = SSL_get_fd(ssl),
	    .events = error == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN};
	int64_t left = deadline - clock_us();

	return (error == SSL_ERROR_WANT_READ ||
		   error == SSL_ERROR_WANT_WRITE) &&
	    left > 0 && poll(&p, 1, (int)(left / 1000) + 1) > 0;
}

static void
talk(SSL *ssl, const char *out, char *in, size_t size, int64_t deadline,
    struct answer *a)
{
	size_t used = 0;
	int rc;

	while ((rc = SSL_write(ssl, out, (int)strlen(out))) <= 0 &&
	    again(ssl, rc, deadline))
		;
	while (rc > 0 && used + 1 < size) {
		rc = SSL_read(ssl, in + used, (int)(size - 1 - used));
		if (rc > 0)
			used += (size_t)rc;
		else if (again(ssl, rc, deadline))
			rc = 1;
	}
	in[used] = '\0';
	a->silent = clock_us() >= deadline;
}

static void
handshake(SSL *ssl, const char *name, int64_t deadline, struct answer *a)
{
	unsigned long e;
	int rc;

	while ((rc = SSL_connect(ssl)) <= 0 && again(ssl, rc, deadline))
		;
	if (rc > 0) {
		take_peer(ssl, name, a);
		return;
	}
	e = ERR_get_error();
	snprintf(a->tls, sizeof(a->tls), "%s",
	    e ? ERR_reason_error_string(e) : "the connection ended");
	ERR_clear_error();
}

/* Nothing is refused in here: what a client would say to it is written down. */
void
tls_exchange(int fd, const char *name, const char *out, char *in, size_t size,
    int64_t deadline, struct answer *a)
{
	static const unsigned char http[] = "\x08http/1.1";
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = NULL;
	char server[256]; /* OpenSSL's macro wants no const */

	snprintf(server, sizeof(server), "%s", name);
	in[0] = '\0';
	if (context) {
		/* without any, take_peer says nothing of the chain */
		SSL_CTX_load_verify_locations(context, TRUSTED, TRUSTED_FOLDER);
		ssl = SSL_new(context);
	}
	if (!ssl || SSL_set_fd(ssl, fd) != 1 ||
	    SSL_set_alpn_protos(ssl, http, sizeof(http) - 1) != 0 ||
	    (server[0] && SSL_set_tlsext_host_name(ssl, server) != 1)) {
		snprintf(a->tls, sizeof(a->tls), "OpenSSL does not start");
	} else {
		handshake(ssl, name, deadline, a);
		if (!a->tls[0])
			talk(ssl, out, in, size, deadline, a);
	}
	SSL_free(ssl);
	SSL_CTX_free(context);
}
