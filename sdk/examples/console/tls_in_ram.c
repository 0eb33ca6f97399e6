// A TLS connection between two ends in the same program, over two pipes in RAM.
//
// The certificates and keys are mbedTLS's own test ones (library/certs.c).
// Written from mbedTLS 2.28's documentation of ssl.h.
//
// SPDX-License-Identifier: MIT
#include "tls_in_ram.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "mbedtls/certs.h"
#include "mbedtls/ctr_drbg.h"
#include "mbedtls/entropy.h"
#include "mbedtls/ssl.h"
#include "mbedtls/x509_crt.h"

// Room for a flight of handshake messages.
#define PIPE_SIZE 8192u

// One direction of the line. Positions count up for ever and are reduced when used.
struct pipe {
    unsigned char bytes[PIPE_SIZE];
    size_t in, out;
};

struct end {
    struct pipe *receive, *send;
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config config;
};

struct connection {
    struct pipe to_server, to_client;
    struct end client, server;
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
    mbedtls_x509_crt authorities, certificate;
    mbedtls_pk_context key;
};

static int pipe_send(void *context, const unsigned char *bytes, size_t size)
{
    struct pipe *const pipe = ((struct end *)context)->send;
    size_t count = 0;

    while (count < size && pipe->in - pipe->out < PIPE_SIZE)
        pipe->bytes[pipe->in++ % PIPE_SIZE] = bytes[count++];
    return count > 0 ? (int)count : MBEDTLS_ERR_SSL_WANT_WRITE;
}

static int pipe_receive(void *context, unsigned char *bytes, size_t size)
{
    struct pipe *const pipe = ((struct end *)context)->receive;
    size_t count = 0;

    while (count < size && pipe->out != pipe->in)
        bytes[count++] = pipe->bytes[pipe->out++ % PIPE_SIZE];
    return count > 0 ? (int)count : MBEDTLS_ERR_SSL_WANT_READ;
}

static void connection_init(struct connection *connection)
{
    connection->client.send = connection->server.receive = &connection->to_server;
    connection->client.receive = connection->server.send = &connection->to_client;
    mbedtls_ssl_init(&connection->client.ssl);
    mbedtls_ssl_init(&connection->server.ssl);
    mbedtls_ssl_config_init(&connection->client.config);
    mbedtls_ssl_config_init(&connection->server.config);
    mbedtls_entropy_init(&connection->entropy);
    mbedtls_ctr_drbg_init(&connection->random);
    mbedtls_x509_crt_init(&connection->authorities);
    mbedtls_x509_crt_init(&connection->certificate);
    mbedtls_pk_init(&connection->key);
}

static void connection_free(struct connection *connection)
{
    mbedtls_ssl_free(&connection->client.ssl);
    mbedtls_ssl_free(&connection->server.ssl);
    mbedtls_ssl_config_free(&connection->client.config);
    mbedtls_ssl_config_free(&connection->server.config);
    mbedtls_pk_free(&connection->key);
    mbedtls_x509_crt_free(&connection->certificate);
    mbedtls_x509_crt_free(&connection->authorities);
    mbedtls_ctr_drbg_free(&connection->random);
    mbedtls_entropy_free(&connection->entropy);
}

static int credentials_load(struct connection *connection)
{
    static const char purpose[] = "quadlane console";
    int status =
        mbedtls_ctr_drbg_seed(&connection->random, mbedtls_entropy_func, &connection->entropy,
                              (const unsigned char *)purpose, sizeof purpose);

    if (status == 0)
        status = mbedtls_x509_crt_parse(&connection->authorities,
                                        (const unsigned char *)mbedtls_test_cas_pem,
                                        mbedtls_test_cas_pem_len);
    if (status == 0)
        status = mbedtls_x509_crt_parse(&connection->certificate,
                                        (const unsigned char *)mbedtls_test_srv_crt_ec_pem,
                                        mbedtls_test_srv_crt_ec_pem_len);
    if (status == 0)
        status = mbedtls_pk_parse_key(&connection->key,
                                      (const unsigned char *)mbedtls_test_srv_key_ec_pem,
                                      mbedtls_test_srv_key_ec_pem_len, NULL, 0);
    return status;
}

static int end_set_up(struct connection *connection, struct end *end, int role)
{
    int status = mbedtls_ssl_config_defaults(&end->config, role, MBEDTLS_SSL_TRANSPORT_STREAM,
                                             MBEDTLS_SSL_PRESET_DEFAULT);

    if (status != 0)
        return status;
    mbedtls_ssl_conf_rng(&end->config, mbedtls_ctr_drbg_random, &connection->random);
    if (role == MBEDTLS_SSL_IS_SERVER) {
        status =
            mbedtls_ssl_conf_own_cert(&end->config, &connection->certificate, &connection->key);
    } else {
        mbedtls_ssl_conf_authmode(&end->config, MBEDTLS_SSL_VERIFY_REQUIRED);
        mbedtls_ssl_conf_ca_chain(&end->config, &connection->authorities, NULL);
        status = mbedtls_ssl_set_hostname(&end->ssl, "localhost");
    }
    if (status == 0)
        status = mbedtls_ssl_setup(&end->ssl, &end->config);
    mbedtls_ssl_set_bio(&end->ssl, end, pipe_send, pipe_receive, NULL);
    return status;
}

static bool is_waiting(int status)
{
    return status == MBEDTLS_ERR_SSL_WANT_READ || status == MBEDTLS_ERR_SSL_WANT_WRITE;
}

// Both ends by turns, until both are done or one fails.
static int handshake(struct connection *connection)
{
    int client, server;

    do {
        client = mbedtls_ssl_handshake(&connection->client.ssl);
        if (client != 0 && !is_waiting(client))
            return client;
        server = mbedtls_ssl_handshake(&connection->server.ssl);
        if (server != 0 && !is_waiting(server))
            return server;
    } while (client != 0 || server != 0);
    return 0;
}

static int exchange(struct connection *connection, const void *message, size_t size,
                    struct tls_result *result)
{
    unsigned char text[sizeof result->answer];
    int count = mbedtls_ssl_write(&connection->client.ssl, message, size);

    if (count < 0)
        return count;
    count = mbedtls_ssl_read(&connection->server.ssl, text, sizeof text);
    if (count < 0)
        return count;
    for (int i = 0; i < count; i++)
        text[i] = (unsigned char)(islower(text[i]) ? toupper(text[i]) : tolower(text[i]));
    count = mbedtls_ssl_write(&connection->server.ssl, text, (size_t)count);
    if (count < 0)
        return count;
    count = mbedtls_ssl_read(&connection->client.ssl, (unsigned char *)result->answer,
                             sizeof result->answer);
    if (count < 0)
        return count;
    result->answer_size = (size_t)count;
    strncpy(result->cipher_suite, mbedtls_ssl_get_ciphersuite(&connection->client.ssl),
            sizeof result->cipher_suite - 1);
    result->bytes_on_the_line = connection->to_server.in + connection->to_client.in;
    return 0;
}

int tls_in_ram(const void *message, size_t size, struct tls_result *result)
{
    struct connection *const connection = calloc(1, sizeof *connection);

    memset(result, 0, sizeof *result);
    if (connection == NULL)
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    connection_init(connection);
    int status = credentials_load(connection);
    if (status == 0)
        status = end_set_up(connection, &connection->server, MBEDTLS_SSL_IS_SERVER);
    if (status == 0)
        status = end_set_up(connection, &connection->client, MBEDTLS_SSL_IS_CLIENT);
    if (status == 0)
        status = handshake(connection);
    if (status == 0)
        status = exchange(connection, message, size, result);
    connection_free(connection);
    free(connection);
    return status;
}
