#!/usr/bin/env python3
"""The signature check of locked bootloaders, its very objects, on the virtual board: RFC 8032's vectors, and the same
verdicts as the PC's libsodium on right, damaged, malleable and small-order ones. Prints TAP.

The points are computed here, from RFC 8032 section 5.1.

SPDX-License-Identifier: MIT
"""
import ctypes
import ctypes.util
import hashlib
import pathlib
import random
import re
import struct
import tempfile

import harness
from harness import check, check_equal

GUEST = harness.ROOT / "build/firmware/tests/board/ed25519.elf"
SIGN_C = harness.ROOT / "build/third_party/libsodium/test/default/sign.c"
SODIUM = ctypes.CDLL(ctypes.util.find_library("sodium"))
CPU_HZ = 400_000_000  # of a bootloader that serves a host
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)

# RFC 8032 section 7.1: public key, message, signature. TEST 1, 2, 3 and SHA(abc); TEST 1024's message has 1023 bytes and
# comes from libsodium's sources.
RFC_8032 = [
    ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
    ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
    ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
    ("ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"),
]
RFC_8032_1024 = ("278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",
                 "0aab4c900501b3e24d7cdf4663326a3a87df5e4843b2cbdb67cbf6e460fec350aa5371b1508f9f4528ecea23c436d94b5e8fcd4f681e30a6ac00a9704a188a03")


class Case:
    def __init__(self, key, message, signature, expected=None):
        self.key, self.message, self.signature = bytes(key), bytes(message), bytes(signature)
        verdict = SODIUM.crypto_sign_ed25519_verify_detached(self.signature, self.message,
                                                             ctypes.c_ulonglong(len(self.message)), self.key) == 0
        check(expected is None or verdict == expected, f"the PC's libsodium says {verdict}: {self.signature.hex()}")
        self.right = verdict

    def changed(self, **fields):
        return Case(**{"key": self.key, "message": self.message, "signature": self.signature, **fields})


def verdicts(cases):
    """What the board says, and the cycles of the first."""
    blob = struct.pack("<I", len(cases))
    for case in cases:
        blob += struct.pack("<I", len(case.message)) + case.key + case.signature + case.message + b"\0" * (-len(case.message) % 4)
    check(len(blob) <= 512 * 1024, "too many cases for the RAM")
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        pathlib.Path(file.name).write_bytes(blob)
        with harness.Board("--load", GUEST, "--load", f"{file.name}@0x24000000", "--until", "end\n", bootloader=None, usb=False,
                           sealed=False, timeout_s=1000) as board:
            check_equal(board.wait_exit(300), 0, f"the board's end; it said {board.output()}")
            text = board.uart()
    found = re.fullmatch(r"([01\n]*)\ncycles ([0-9a-f]{8})\nend\n", text)
    check(found, f"the board printed {text[-300:]!r}")
    return [digit == "1" for digit in found.group(1).replace("\n", "")], int(found.group(2), 16)


def check_agreement(cases):
    found, cycles = verdicts(cases)
    check_equal(len(found), len(cases), "verdicts")
    for number, (case, verdict) in enumerate(zip(cases, found)):
        check_equal(verdict, case.right, f"case {number}: key {case.key.hex()}, signature {case.signature.hex()}, "
                                         f"message {case.message.hex()[:200]}")
    return cycles


def flip(data, bit):
    data = bytearray(data)
    data[bit // 8] ^= 1 << bit % 8
    return bytes(data)


def bernsteins():
    """(key, message, signature) of the vectors that libsodium's sources carry."""
    def text(literal):
        return re.sub(rb"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", lambda part: escape(part.group(1)), literal)

    def escape(code):
        if code[:1] == b"x":
            return bytes([int(code[1:], 16)])
        if code[:1] in b"01234567":
            return bytes([int(code, 8)])
        return {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}.get(code, code)

    for line in SIGN_C.read_bytes().splitlines():
        found = re.match(rb'\s*\{\{([0-9a-fx, ]+)\},\s*\{([0-9a-fx, ]+)\},\s*\{([0-9a-fx, ]+)\},\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\}', line)
        if found:
            _, key, signature = (bytes(int(byte, 16) for byte in part.split(b",") if byte.strip()) for part in found.groups()[:3])
            yield key, text(b"".join(re.findall(rb'"((?:[^"\\]|\\.)*)"', found.group(4)))), signature


# --- Curve arithmetic (RFC 8032 section 5.1.3 and 5.1.4), in affine coordinates ------------------

def add(one, two):
    (x1, y1), (x2, y2) = one, two
    product = D * x1 * x2 * y1 * y2 % P
    return ((x1 * y2 + x2 * y1) * pow(1 + product, P - 2, P) % P, (y1 * y2 + x1 * x2) * pow(1 - product, P - 2, P) % P)


def multiply(factor, point):
    result = (0, 1)
    while factor:
        if factor & 1:
            result = add(result, point)
        point = add(point, point)
        factor >>= 1
    return result


def point_of(y, sign=0):
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT_OF_MINUS_1 % P
    if x * x % P != square:
        return None
    return (P - x if x and x % 2 != sign else x, y)


def encode(point):
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


BASE = point_of(4 * pow(5, P - 2, P) % P)


def small_order_points():
    """The eight points whose order divides 8."""
    draw, points = random.Random(8032), {}
    while len(points) < 8:
        point = point_of(draw.randrange(P))
        if point:
            point = multiply(L, point)
            points[encode(point)] = point
    return list(points.values())


def scalar(data):
    return int.from_bytes(data, "little")


def challenge(r, key, message):
    return scalar(hashlib.sha512(r + key + message).digest()) % L


def new_key(draw):
    seed, key, secret = draw.randbytes(32), ctypes.create_string_buffer(32), ctypes.create_string_buffer(64)
    SODIUM.crypto_sign_ed25519_seed_keypair(key, secret, seed)
    return key.raw, secret.raw


def sign(secret, message):
    signature = ctypes.create_string_buffer(64)
    SODIUM.crypto_sign_ed25519_detached(signature, None, message, ctypes.c_ulonglong(len(message)), secret)
    return signature.raw


# --- Tests ---------------------------------------------------------------------------------------

def test_vectors_of_rfc_8032():
    """RFC 8032's vectors are right, and wrong with any bit changed"""
    vectors = [tuple(bytes.fromhex(part) for part in vector) for vector in RFC_8032]
    key, signature = (bytes.fromhex(part) for part in RFC_8032_1024)
    long = [vector for vector in bernsteins() if vector[0] == key and vector[2] == signature]
    check(len(long) == 1 and len(long[0][1]) == 1023, f"TEST 1024 in {SIGN_C}")
    cases = [Case(key, message, signature, True) for key, message, signature in vectors + long]
    right = len(cases)
    for number, case in enumerate(cases[:right]):
        for bit in range(number, 512, 37):
            cases.append(case.changed(signature=flip(case.signature, bit), expected=False))
        for bit in range(number, 256, 41):
            cases.append(case.changed(key=flip(case.key, bit), expected=False))
        cases.append(case.changed(message=case.message + b"\0", expected=False))
        if case.message:
            cases.append(case.changed(message=flip(case.message, 5), expected=False))
            cases.append(case.changed(message=case.message[:-1], expected=False))
    cycles = check_agreement(cases)
    print(f"# one check takes {cycles} cycles: {cycles / CPU_HZ * 1e3:.1f} ms of virtual time at 400 MHz, "
          f"{cycles / 64e6 * 1e3:.1f} ms at 64 MHz; {len(cases)} cases")
    check(cycles < 40_000_000, "more than 100 ms at 400 MHz")


def test_bernsteins_vectors():
    """a part of the 1024 vectors of the signature's inventors, with messages of 0 to 1023 bytes"""
    vectors = list(bernsteins())
    check_equal(len(vectors), 1024, "vectors in libsodium's sources")
    check_agreement([Case(*vector, True) for vector in vectors[::9]])


def test_random_ones():
    """random keys and messages, right and with damage of every kind: the verdicts are libsodium's"""
    draw, cases = random.Random(25519), []
    for _ in range(120):
        key, secret = new_key(draw)
        message = draw.randbytes(draw.randrange(300))
        case = Case(key, message, sign(secret, message), True)
        cases.append(case)
        kind = draw.randrange(6)
        if kind == 0:
            cases.append(case.changed(signature=flip(case.signature, draw.randrange(512)), expected=False))
        elif kind == 1:
            cases.append(case.changed(key=flip(key, draw.randrange(256)), expected=False))
        elif kind == 2:
            cases.append(case.changed(signature=draw.randbytes(64), expected=False))
        elif kind == 3:
            cases.append(case.changed(key=new_key(draw)[0], expected=False))
        elif kind == 4:
            cases.append(case.changed(signature=case.signature[32:] + case.signature[:32], expected=False))
        else:
            cases.append(case.changed(message=draw.randbytes(len(message) + 1), expected=False))
    check_agreement(cases)


def test_what_is_malleable():
    """S that is not the smallest one, and R and keys in an encoding that is not the only one, are refused"""
    draw, cases = random.Random(1), []
    for _ in range(8):
        key, secret = new_key(draw)
        message = draw.randbytes(20)
        case = Case(key, message, sign(secret, message), True)
        s = scalar(case.signature[32:])
        for other in (s + L, s + 2 * L, s + 15 * L, L, L - 1, 2**256 - 1, 2**252, 2**253, 2**255, 0):
            if other < 2**256:
                cases.append(case.changed(signature=case.signature[:32] + other.to_bytes(32, "little"), expected=False))
    # y = 1 can also be written as p + 1, and so on for all y below 19.
    for y in range(19):
        for sign_bit in (0, 1):
            odd = (y + P | sign_bit << 255).to_bytes(32, "little")
            cases.append(Case(odd, b"x", odd + bytes(32), False))
            cases.append(cases[0].changed(key=odd, expected=False))
            cases.append(cases[0].changed(signature=odd + cases[0].signature[32:], expected=False))
    check_agreement(cases)


def test_points_of_small_order():
    """keys and R of small order: signatures that the equation alone would take for any message are refused"""
    draw, cases, points = random.Random(8), [], small_order_points()
    check_equal(len(points), 8, "points of small order")
    for point in points:
        key = encode(point)
        for _ in range(3):
            # With s * B as R the equation holds whenever the challenge times the key is neutral.
            s = draw.randrange(1, L)
            r = encode(multiply(s, BASE))
            message = next(text for text in (draw.randbytes(8) for _ in range(1000)) if challenge(r, key, text) % 8 == 0)
            check_equal(multiply(challenge(r, key, message), point), (0, 1), "the equation")
            cases.append(Case(key, message, r + s.to_bytes(32, "little"), False))
        for other in points:
            cases.append(Case(key, b"", encode(other) + bytes(32), False))
        # R of small order under an honest key.
        honest, _ = new_key(draw)
        cases.append(Case(honest, b"m", key + draw.randrange(L).to_bytes(32, "little"), False))
    # An honest key with a small-order part added: whatever libsodium says, the board says the same.
    for point in points:
        for _ in range(3):
            a, s = draw.randrange(1, L), draw.randrange(1, L)
            key = encode(add(multiply(a, BASE), point))
            for text in (draw.randbytes(8) for _ in range(3)):
                r_scalar = draw.randrange(1, L)
                r = encode(multiply(r_scalar, BASE))
                s = (r_scalar + challenge(r, key, text) * a) % L
                cases.append(Case(key, text, r + s.to_bytes(32, "little")))
    check(any(case.right for case in cases) and sum(not case.right for case in cases) > 100, "cases of both kinds")
    check_agreement(cases)


if __name__ == "__main__":
    check(SODIUM.sodium_init() >= 0, "libsodium")
    harness.run_tests(dict(globals()))
