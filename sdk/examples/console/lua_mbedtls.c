// mbedTLS for Lua: module `mbedtls`.
//
//     mbedtls.tests()                    names of the self-tests, in a good order
//     mbedtls.selftest(name)             true if it passed
//     mbedtls.hash(algorithm, text)      hexadecimal digest; algorithm "sha256", "sha1", "md5", ...
//     mbedtls.sha256(text)               the same for SHA-256
//     mbedtls.random(size)               that many random bytes
//     mbedtls.certificate(text)          what is in an X.509 certificate (PEM or DER), as text
//     mbedtls.test_certificate           one to try
//     mbedtls.tls(message)               TLS handshake between two ends in RAM; returns the answer,
//                                        the cipher suite and the number of bytes on the line
//     mbedtls.version
//
// SPDX-License-Identifier: MIT
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "modules.h"
#include "random.h"
#include "tls_in_ram.h"

#include "lauxlib.h"

#include "mbedtls/aes.h"
#include "mbedtls/aria.h"
#include "mbedtls/base64.h"
#include "mbedtls/bignum.h"
#include "mbedtls/camellia.h"
#include "mbedtls/ccm.h"
#include "mbedtls/certs.h"
#include "mbedtls/chacha20.h"
#include "mbedtls/chachapoly.h"
#include "mbedtls/cmac.h"
#include "mbedtls/ctr_drbg.h"
#include "mbedtls/des.h"
#include "mbedtls/dhm.h"
#include "mbedtls/ecjpake.h"
#include "mbedtls/ecp.h"
#include "mbedtls/entropy.h"
#include "mbedtls/error.h"
#include "mbedtls/gcm.h"
#include "mbedtls/hmac_drbg.h"
#include "mbedtls/md.h"
#include "mbedtls/md5.h"
#include "mbedtls/nist_kw.h"
#include "mbedtls/pkcs5.h"
#include "mbedtls/poly1305.h"
#include "mbedtls/ripemd160.h"
#include "mbedtls/rsa.h"
#include "mbedtls/sha1.h"
#include "mbedtls/sha256.h"
#include "mbedtls/sha512.h"
#include "mbedtls/version.h"
#include "mbedtls/x509.h"
#include "mbedtls/x509_crt.h"

static const struct self_test {
    const char *name;
    int (*run)(int verbose);
} self_tests[] = {
    {"md5", mbedtls_md5_self_test},           {"ripemd160", mbedtls_ripemd160_self_test},
    {"sha1", mbedtls_sha1_self_test},         {"sha256", mbedtls_sha256_self_test},
    {"sha512", mbedtls_sha512_self_test},     {"des", mbedtls_des_self_test},
    {"aes", mbedtls_aes_self_test},           {"aria", mbedtls_aria_self_test},
    {"camellia", mbedtls_camellia_self_test}, {"gcm", mbedtls_gcm_self_test},
    {"ccm", mbedtls_ccm_self_test},           {"cmac", mbedtls_cmac_self_test},
    {"nist_kw", mbedtls_nist_kw_self_test},   {"chacha20", mbedtls_chacha20_self_test},
    {"poly1305", mbedtls_poly1305_self_test}, {"chachapoly", mbedtls_chachapoly_self_test},
    {"base64", mbedtls_base64_self_test},     {"mpi", mbedtls_mpi_self_test},
    {"rsa", mbedtls_rsa_self_test},           {"x509", mbedtls_x509_self_test},
    {"ecp", mbedtls_ecp_self_test},           {"ecjpake", mbedtls_ecjpake_self_test},
    {"dhm", mbedtls_dhm_self_test},           {"pkcs5", mbedtls_pkcs5_self_test},
    {"ctr_drbg", mbedtls_ctr_drbg_self_test}, {"hmac_drbg", mbedtls_hmac_drbg_self_test},
    {"entropy", mbedtls_entropy_self_test},
};
#define SELF_TEST_COUNT (sizeof self_tests / sizeof *self_tests)

int mbedtls_printf_nothing(const char *format, ...)
{
    (void)format;
    return 0;
}

static int raise(lua_State *lua, int status)
{
    char text[128];

    mbedtls_strerror(status, text, sizeof text);
    return luaL_error(lua, "mbedtls: %s", text);
}

static int tests(lua_State *lua)
{
    lua_createtable(lua, (int)SELF_TEST_COUNT, 0);
    for (size_t i = 0; i < SELF_TEST_COUNT; i++) {
        lua_pushstring(lua, self_tests[i].name);
        lua_rawseti(lua, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int selftest(lua_State *lua)
{
    const char *const name = luaL_checkstring(lua, 1);

    for (size_t i = 0; i < SELF_TEST_COUNT; i++) {
        if (strcmp(self_tests[i].name, name) == 0) {
            lua_pushboolean(lua, self_tests[i].run(0) == 0);
            return 1;
        }
    }
    return luaL_error(lua, "mbedtls: no self-test is called %s; mbedtls.tests() lists them", name);
}

static int digest_push(lua_State *lua, const char *algorithm, int argument)
{
    char upper[16] = {0};
    unsigned char digest[MBEDTLS_MD_MAX_SIZE];
    char text[2 * MBEDTLS_MD_MAX_SIZE];
    size_t size;
    const char *const bytes = luaL_checklstring(lua, argument, &size);

    for (size_t i = 0; i < sizeof upper - 1 && algorithm[i] != 0; i++)
        upper[i] = (char)toupper((unsigned char)algorithm[i]);
    const mbedtls_md_info_t *const info = mbedtls_md_info_from_string(upper);
    if (info == NULL)
        return luaL_error(lua, "mbedtls: no hash is called %s", algorithm);
    const int status = mbedtls_md(info, (const unsigned char *)bytes, size, digest);
    if (status != 0)
        return raise(lua, status);
    const size_t digest_size = mbedtls_md_get_size(info);
    for (size_t i = 0; i < digest_size; i++) {
        text[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    lua_pushlstring(lua, text, 2 * digest_size);
    return 1;
}

static int hash(lua_State *lua)
{
    return digest_push(lua, luaL_checkstring(lua, 1), 2);
}

static int sha256(lua_State *lua)
{
    return digest_push(lua, "SHA256", 1);
}

static int random_bytes(lua_State *lua)
{
    char bytes[1024];
    const lua_Integer size = luaL_checkinteger(lua, 1);

    luaL_argcheck(lua, size >= 0 && size <= (lua_Integer)sizeof bytes, 1, "0 to 1024 expected");
    if (!random_fill(bytes, (size_t)size))
        return luaL_error(lua, "the random number generator does not answer");
    lua_pushlstring(lua, bytes, (size_t)size);
    return 1;
}

static int certificate(lua_State *lua)
{
    char text[1024];
    size_t size;
    const char *const bytes = luaL_checklstring(lua, 1, &size);
    mbedtls_x509_crt parsed;

    mbedtls_x509_crt_init(&parsed);
    // PEM is parsed with its final zero, which every Lua string has.
    const size_t zero = strncmp(bytes, "-----BEGIN", 10) == 0 ? 1 : 0;
    int status = mbedtls_x509_crt_parse(&parsed, (const unsigned char *)bytes, size + zero);
    if (status == 0)
        status = mbedtls_x509_crt_info(text, sizeof text, "", &parsed);
    mbedtls_x509_crt_free(&parsed);
    if (status < 0)
        return raise(lua, status);
    lua_pushstring(lua, text);
    return 1;
}

static int tls(lua_State *lua)
{
    struct tls_result result;
    size_t size;
    const char *const message = luaL_checklstring(lua, 1, &size);

    luaL_argcheck(lua, size >= 1 && size <= sizeof result.answer, 1, "1 to 256 bytes expected");
    const int status = tls_in_ram(message, size, &result);
    if (status != 0)
        return raise(lua, status);
    lua_pushlstring(lua, result.answer, result.answer_size);
    lua_pushstring(lua, result.cipher_suite);
    lua_pushinteger(lua, (lua_Integer)result.bytes_on_the_line);
    return 3;
}

int luaopen_mbedtls(lua_State *lua)
{
    static const luaL_Reg functions[] = {
        {"tests", tests},         {"selftest", selftest},       {"hash", hash}, {"sha256", sha256},
        {"random", random_bytes}, {"certificate", certificate}, {"tls", tls},   {NULL, NULL}};

    luaL_newlib(lua, functions);
    lua_pushstring(lua, MBEDTLS_VERSION_STRING);
    lua_setfield(lua, -2, "version");
    lua_pushstring(lua, mbedtls_test_srv_crt_ec_pem);
    lua_setfield(lua, -2, "test_certificate");
    return 1;
}
