-- What the console does at its start: shows where it runs, uses the database, tests the
-- cryptography, then answers Lua lines.
--
-- SPDX-License-Identifier: MIT

io.stdout:setvbuf("line")

local function printf(...)
    io.write(string.format(...))
end

printf("\nconsole: %d KiB of code and data in the external chip, main at 0x%08x\n",
    board.program_size // 1024, board.main)
printf("console: %s, SQLite %s, mbedTLS %s, CPU at %d MHz\n",
    _VERSION, sqlite.version, mbedtls.version, board.cpu_hz // 1000000)

-- A database of NOR flash chips.
db = sqlite.open()
db:exec [[
    CREATE TABLE chip(id INTEGER PRIMARY KEY, name TEXT NOT NULL, maker TEXT, megabytes INTEGER);
    CREATE VIRTUAL TABLE notes USING fts5(text, tokenize = 'porter');
    CREATE VIRTUAL TABLE limits USING rtree(id, mhz_min, mhz_max, mv_min, mv_max);
]]

local chips = {
    {"W25Q128JV", "Winbond", 16, 0, 133, 2700, 3600,
        "Quad reads in place, programmed by pages of 256 bytes, erased by sectors of 4 KB"},
    {"W25Q64JV", "Winbond", 8, 0, 133, 2700, 3600,
        "The smaller brother, found on many boards with an STM32H750"},
    {"IS25LP064A", "ISSI", 8, 0, 133, 2300, 3600,
        "Dummy cycles are set by its read parameters; erases sectors with D7h as well"},
    {"MT25QL512AB", "Micron", 64, 0, 133, 2700, 3600,
        "Two of them read in parallel make one memory of 128 MB"},
    {"W25Q128JW", "Winbond", 16, 0, 133, 1700, 1950,
        "For boards with 1.8 volts"},
}
for _, chip in ipairs(chips) do
    local name, maker, megabytes, mhz_min, mhz_max, mv_min, mv_max, note = table.unpack(chip)
    db:exec("INSERT INTO chip(name, maker, megabytes) VALUES(?, ?, ?)", name, maker, megabytes)
    local id = db:value("SELECT last_insert_rowid()")
    db:exec("INSERT INTO limits VALUES(?, ?, ?, ?, ?)", id, mhz_min, mhz_max, mv_min, mv_max)
    db:exec("INSERT INTO notes(rowid, text) VALUES(?, ?)", id, note)
end

print("console: chips by maker")
for row in db:rows [[SELECT maker, count(*) AS count, sum(megabytes) AS megabytes,
                            json_group_array(name) AS names
                     FROM (SELECT * FROM chip ORDER BY name) GROUP BY maker ORDER BY maker]] do
    printf("  %-8s %d  %3d MB  %s\n", row.maker, row.count, row.megabytes, row.names)
end

print("console: full-text search for: erase AND sector")
for row in db:rows([[SELECT chip.name, snippet(notes, 0, '[', ']', '...', 6) AS found
                     FROM notes JOIN chip ON chip.id = notes.rowid
                     WHERE notes MATCH ? ORDER BY rank]], "erase AND sector") do
    printf("  %-12s %s\n", row.name, row.found)
end

print("console: R-tree query for 100 MHz at 1800 mV")
for row in db:rows [[SELECT name FROM limits JOIN chip USING(id)
                     WHERE mhz_min <= 100 AND mhz_max >= 100
                       AND mv_min <= 1800 AND mv_max >= 1800]] do
    printf("  %s\n", row.name)
end
assert(db:value("PRAGMA integrity_check") == "ok")

-- mbedTLS's self-tests, but for those that take too long to wait for at each start:
-- mbedtls.selftest("ecjpake") and so on run them from the prompt.
local left_out = {
    sha512 = "hashes four million bytes of 64-bit arithmetic",
    ecp = "hundreds of multiplications on elliptic curves",
    ecjpake = "two whole key exchanges on elliptic curves",
    pkcs5 = "thousands of rounds of key derivation",
}

local passed, failed, waiting = {}, {}, {}
local start = board.milliseconds()
for _, name in ipairs(mbedtls.tests()) do
    if left_out[name] then
        table.insert(waiting, name)
    else
        table.insert(mbedtls.selftest(name) and passed or failed, name)
    end
end
printf("console: mbedTLS self-tests: %d passed, %d failed, %d left out, in %d ms\n", #passed, #failed,
    #waiting, board.milliseconds() - start)
printf("  passed: %s\n", table.concat(passed, " ", 1, #passed // 2))
printf("          %s\n", table.concat(passed, " ", #passed // 2 + 1))
printf("  left out: %s\n", table.concat(waiting, " "))
if #failed > 0 then
    printf("  FAILED: %s\n", table.concat(failed, " "))
end

start = board.milliseconds()
local answer, suite, bytes = mbedtls.tls("Hello from 0x90100000")
printf("console: TLS between two ends in RAM: %s, %d bytes, %d ms\n  %s\n", suite, bytes,
    board.milliseconds() - start, answer)
assert(answer == "hELLO FROM 0X90100000")
assert(mbedtls.sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")

printf("console: %d KB of %d KB heap in use, %d ms since start\n", board.heap() // 1024,
    select(2, board.heap()) // 1024, board.milliseconds())
if #failed == 0 then
    print("console: all self-tests passed")
else
    printf("console: %d self-tests FAILED\n", #failed)
end

-- The prompt: an expression's values are printed, an unfinished line goes on.
while true do
    local text = board.readline("> ")
    local chunk, message = load("return " .. text, "=line")
    if not chunk then
        chunk, message = load(text, "=line")
    end
    while not chunk and message:find("<eof>$") do
        text = text .. "\n" .. board.readline(">> ")
        chunk, message = load(text, "=line")
    end
    if not chunk then
        print(message)
    else
        local results = table.pack(xpcall(chunk, debug.traceback))
        if not results[1] or results.n > 1 then
            print(table.unpack(results, 2, results.n))
        end
    end
end
