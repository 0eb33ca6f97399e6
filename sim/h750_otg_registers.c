// Register table of the OTG cores: names, offsets, reset values and the bits that exist.
//
// From the HAL's register header and the SVD of the same die; where they differ, what drivers that
// work on silicon rely on wins: CID 0x2300, AHBIDL set, EP0 always active, IN FIFOs empty.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_otg_parts.h"

#define WORD(register_name, at, after_reset, read_bits, write_bits)                                \
    {                                                                                              \
        .name = register_name, .offset = at, .reset = after_reset, .readable = read_bits,          \
        .writable = write_bits, .access = ACCESS_WORD                                              \
    }

#define ALL 0xFFFFFFFFu

#define ICTL_READ  0xC3EF87FFu
#define ICTL_WRITE 0xFFEC87FFu
#define OCTL_READ  0xC03F87FFu
#define OCTL_WRITE 0xFC3C87FFu

#define IN_ENDPOINT(n, ctl_reset, tsiz_bits)                                                       \
    WORD("DIEPCTL" #n, 0x900 + 0x20 * n, ctl_reset, ICTL_READ, ICTL_WRITE),                        \
        WORD("DIEPINT" #n, 0x908 + 0x20 * n, 0x80, 0x3B7F, 0xFFFF),                                \
        WORD("DIEPTSIZ" #n, 0x910 + 0x20 * n, 0, tsiz_bits, tsiz_bits),                            \
        WORD("DIEPDMA" #n, 0x914 + 0x20 * n, 0, ALL, ALL),                                         \
        WORD("DTXFSTS" #n, 0x918 + 0x20 * n, 0, 0xFFFF, 0)

#define OUT_ENDPOINT(n, ctl_reset, tsiz_bits)                                                      \
    WORD("DOEPCTL" #n, 0xB00 + 0x20 * n, ctl_reset, OCTL_READ, OCTL_WRITE),                        \
        WORD("DOEPINT" #n, 0xB08 + 0x20 * n, 0, 0xF17F, 0xFFFF),                                   \
        WORD("DOEPTSIZ" #n, 0xB10 + 0x20 * n, 0, tsiz_bits, tsiz_bits),                            \
        WORD("DOEPDMA" #n, 0xB14 + 0x20 * n, 0, ALL, ALL)

static const struct register_info registers[] = {
    WORD("GOTGCTL", 0x000, 0x00010800, 0x003F1FFF, 0x003F1FFF),
    WORD("GOTGINT", 0x004, 0, 0x001E0304, 0x001E0304),
    WORD("GAHBCFG", 0x008, 0, 0x000001BF, 0x000001BF),
    WORD("GUSBCFG", 0x00C, 0x00000A00, 0x63FEBF47, 0x63FEBF47),
    WORD("GRSTCTL", 0x010, 0x80000000, 0xC00007F7, 0xC00007F7),
    WORD("GINTSTS", 0x014, 0x04000020, 0xFFFCFCFF, ALL),
    WORD("GINTMSK", 0x018, 0, 0xFFFCFCFE, 0xFFFCFCFE),
    WORD("GRXSTSR", 0x01C, 0, 0x01FFFFFF, 0),
    WORD("GRXSTSP", 0x020, 0, 0x01FFFFFF, 0),
    WORD("GRXFSIZ", 0x024, 0x200, 0xFFFF, 0xFFFF),
    WORD("DIEPTXF0", 0x028, 0x200, ALL, ALL),
    WORD("GNPTXSTS", 0x02C, 0x00080200, 0x7FFFFFFF, 0),
    WORD("GCCFG", 0x038, 0, 0x003F000F, 0x003F000F),
    WORD("CID", 0x03C, 0x2300, ALL, ALL),
    WORD("GSNPSID", 0x040, 0x4F54330A, ALL, 0),
    WORD("GHWCFG1", 0x044, 0, ALL, 0),
    WORD("GHWCFG2", 0x048, 0x229FE190, ALL, 0),
    WORD("GHWCFG3", 0x04C, 0x03B8D2E8, ALL, 0),
    WORD("GHWCFG4", 0x050, 0xE3F00030, ALL, 0),
    WORD("GLPMCFG", 0x054, 0, 0x1FFFFFFF, 0x1FFFFFFF),
    WORD("GDFIFOCFG", 0x05C, 0x03B80400, ALL, ALL),
    WORD("HPTXFSIZ", 0x100, 0x02000600, ALL, ALL),
    WORD("DIEPTXF1", 0x104, 0x02000400, ALL, ALL),
    WORD("DIEPTXF2", 0x108, 0x02000600, ALL, ALL),
    WORD("DIEPTXF3", 0x10C, 0x02000800, ALL, ALL),
    WORD("DIEPTXF4", 0x110, 0x02000A00, ALL, ALL),
    WORD("DIEPTXF5", 0x114, 0x02000C00, ALL, ALL),
    WORD("DIEPTXF6", 0x118, 0x02000E00, ALL, ALL),
    WORD("DIEPTXF7", 0x11C, 0x02001000, ALL, ALL),
    WORD("DIEPTXF8", 0x120, 0x02001200, ALL, ALL),
    // The HAL clears the room for seven more Tx FIFOs, which this core does not have.
    WORD("DIEPTXF9", 0x124, 0, ALL, ALL),
    WORD("DIEPTXF10", 0x128, 0, ALL, ALL),
    WORD("DIEPTXF11", 0x12C, 0, ALL, ALL),
    WORD("DIEPTXF12", 0x130, 0, ALL, ALL),
    WORD("DIEPTXF13", 0x134, 0, ALL, ALL),
    WORD("DIEPTXF14", 0x138, 0, ALL, ALL),
    WORD("DIEPTXF15", 0x13C, 0, ALL, ALL),
    WORD("DCFG", 0x800, 0x02200000, 0x03201FF7, 0x03201FF7),
    WORD("DCTL", 0x804, 0x00000002, 0x0000087F, 0x00000FFF),
    WORD("DSTS", 0x808, 0x00000010, 0x003FFF1F, 0),
    WORD("DIEPMSK", 0x810, 0, 0x0000237B, 0x0000237B),
    WORD("DOEPMSK", 0x814, 0, 0x0000F37F, 0x0000F37F),
    WORD("DAINT", 0x818, 0, ALL, 0),
    WORD("DAINTMSK", 0x81C, 0, ALL, ALL),
    WORD("DVBUSDIS", 0x828, 0x17D7, 0xFFFF, 0xFFFF),
    WORD("DVBUSPULSE", 0x82C, 0x05B8, 0x0FFF, 0x0FFF),
    WORD("DTHRCTL", 0x830, 0, 0x0BFF07FF, 0x0BFF07FF),
    WORD("DIEPEMPMSK", 0x834, 0, 0xFFFF, 0xFFFF),
    WORD("DEACHINT", 0x838, 0, 0x00020002, 0),
    WORD("DEACHINTMSK", 0x83C, 0, 0x00020002, 0x00020002),
    IN_ENDPOINT(0, 0x8000, 0x0018007F),
    IN_ENDPOINT(1, 0, 0x7FFFFFFF),
    IN_ENDPOINT(2, 0, 0x7FFFFFFF),
    IN_ENDPOINT(3, 0, 0x7FFFFFFF),
    IN_ENDPOINT(4, 0, 0x7FFFFFFF),
    IN_ENDPOINT(5, 0, 0x7FFFFFFF),
    IN_ENDPOINT(6, 0, 0x7FFFFFFF),
    IN_ENDPOINT(7, 0, 0x7FFFFFFF),
    IN_ENDPOINT(8, 0, 0x7FFFFFFF),
    OUT_ENDPOINT(0, 0x8000, 0x6008007F),
    OUT_ENDPOINT(1, 0, 0x7FFFFFFF),
    OUT_ENDPOINT(2, 0, 0x7FFFFFFF),
    OUT_ENDPOINT(3, 0, 0x7FFFFFFF),
    OUT_ENDPOINT(4, 0, 0x7FFFFFFF),
    OUT_ENDPOINT(5, 0, 0x7FFFFFFF),
    OUT_ENDPOINT(6, 0, 0x7FFFFFFF),
    OUT_ENDPOINT(7, 0, 0x7FFFFFFF),
    OUT_ENDPOINT(8, 0, 0x7FFFFFFF),
    WORD("PCGCCTL", 0xE00, 0, 0x00000013, 0x00000013),
    {.name = NULL},
};

const struct register_info *otg_registers(void)
{
    return registers;
}
