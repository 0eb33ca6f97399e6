// Issuers' files (SPEC.md section 13, "Files").
//
// SPDX-License-Identifier: MIT
#include "host/issuer.h"

#include "host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_HEADER "quadlane issuer secret key v1"
#define PUBLIC_HEADER "quadlane issuer public key v1"
#define SECRET_ADVICE " - keep it to yourself: whoever has it can open every board of this issuer"
#define DIGITS        64
#define PATH_SIZE     4096

static int create_file(const char *path, mode_t mode, const char *text, struct ql_failure *failure)
{
    const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (file < 0 && errno == EEXIST) {
        ql_fail(failure, QL_FILE_EXISTS, "%s exists already; it is not overwritten", path);
        ql_hint(failure, "choose another name, or move the old files away");
        return -QL_FILE_EXISTS;
    }
    if (file < 0)
        return ql_fail(failure, QL_FILE_UNWRITABLE, "%s cannot be written: %s", path,
                       strerror(errno));
    const size_t size = strlen(text);
    bool written =
        fchmod(file, mode) == 0 && write(file, text, size) == (ssize_t)size && fsync(file) == 0;
    const int error = errno;
    written = close(file) == 0 && written;
    if (written)
        return 0;
    unlink(path);
    return ql_fail(failure, QL_FILE_UNWRITABLE, "%s cannot be written: %s", path, strerror(error));
}

static int write_files(const char *secret_path, const char *public_path, const char *seed,
                       const char *key, struct ql_failure *failure)
{
    char text[256];
    struct stat status;
    if (lstat(public_path, &status) == 0) // before a secret is made that nobody wants
        return create_file(public_path, 0644, "", failure);
    snprintf(text, sizeof text, "%s%s\n%s\n", SECRET_HEADER, SECRET_ADVICE, seed);
    int result = create_file(secret_path, 0600, text, failure);
    sodium_memzero(text, sizeof text);
    if (result != 0)
        return result;
    snprintf(text, sizeof text, "%s\n%s\n", PUBLIC_HEADER, key);
    result = create_file(public_path, 0644, text, failure);
    if (result != 0)
        unlink(secret_path);
    return result;
}

int ql_issuer_create(struct ql_issuer *issuer, const char *name, struct ql_failure *failure)
{
    char secret_path[PATH_SIZE];
    char public_path[PATH_SIZE];
    char seed_text[DIGITS + 1];
    char key_text[DIGITS + 1];
    uint8_t seed[crypto_sign_SEEDBYTES];
    if (name[0] == '\0' || strlen(name) > PATH_SIZE - 8)
        return ql_fail(failure, QL_USAGE, "an issuer needs a name for its files");
    snprintf(secret_path, sizeof secret_path, "%s.key", name);
    snprintf(public_path, sizeof public_path, "%s.pub", name);
    randombytes_buf(seed, sizeof seed);
    crypto_sign_seed_keypair(issuer->key, issuer->secret, seed);
    issuer->has_secret = true;
    sodium_bin2hex(seed_text, sizeof seed_text, seed, sizeof seed);
    sodium_bin2hex(key_text, sizeof key_text, issuer->key, sizeof issuer->key);
    const int result = write_files(secret_path, public_path, seed_text, key_text, failure);
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(seed_text, sizeof seed_text);
    if (result != 0)
        ql_issuer_forget(issuer);
    return result;
}

// The second line of a file whose first one begins with `header`: exactly 64 digits, then the end.
static bool take_digits(const char *text, const char *header, uint8_t value[32])
{
    size_t size = 0;
    const char *line = strchr(text, '\n');
    if (strncmp(text, header, strlen(header)) != 0 || line == NULL)
        return false;
    line++;
    const size_t length = strcspn(line, "\r\n");
    return length == DIGITS && strspn(line + length, "\r\n") == strlen(line + length) &&
           sodium_hex2bin(value, 32, line, DIGITS, NULL, &size, NULL) == 0 && size == 32;
}

static int take_file(struct ql_issuer *issuer, const char *path, const char *text, bool need_secret,
                     struct ql_failure *failure)
{
    uint8_t seed[crypto_sign_SEEDBYTES];
    *issuer = (struct ql_issuer){0};
    if (take_digits(text, SECRET_HEADER, seed)) {
        crypto_sign_seed_keypair(issuer->key, issuer->secret, seed);
        sodium_memzero(seed, sizeof seed);
        issuer->has_secret = true;
        return 0;
    }
    if (!take_digits(text, PUBLIC_HEADER, issuer->key)) {
        ql_fail(failure, QL_KEYS_FILE, "%s is no issuer's file", path);
        ql_hint(failure, "`quadlane keys issuer NAME` makes NAME.key and NAME.pub");
        return -QL_KEYS_FILE;
    }
    if (!need_secret)
        return 0;
    ql_fail(failure, QL_KEYS_FILE, "%s is the issuer's public key, which signs nothing", path);
    ql_hint(failure, "take the secret one, NAME.key");
    return -QL_KEYS_FILE;
}

int ql_issuer_read(struct ql_issuer *issuer, const char *path, bool need_secret,
                   struct ql_failure *failure)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    char text[512];
    int result = ql_file_read(path, &bytes, &size, failure);
    if (result != 0)
        return result;
    const size_t length = size < sizeof text - 1 ? size : sizeof text - 1;
    if (length > 0)
        memcpy(text, bytes, length);
    text[length] = '\0';
    if (size > 0)
        sodium_memzero(bytes, size);
    free(bytes);
    result = take_file(issuer, path, size < sizeof text ? text : "", need_secret, failure);
    sodium_memzero(text, sizeof text);
    return result;
}

void ql_issuer_forget(struct ql_issuer *issuer)
{
    sodium_memzero(issuer, sizeof *issuer);
}
