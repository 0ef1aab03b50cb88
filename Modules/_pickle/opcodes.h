/* opcodes.h - the opcodes of protocols 0 to 5, in numeric order: X(name, byte, first protocol). */
#ifndef P5_OPCODES_H
#define P5_OPCODES_H

#define OPCODES(X) \
    X(MARK, 0x28, 0) \
    X(EMPTY_TUPLE, 0x29, 1) \
    X(STOP, 0x2e, 0) \
    X(POP, 0x30, 0) \
    X(POP_MARK, 0x31, 1) \
    X(DUP, 0x32, 0) \
    X(BINBYTES, 0x42, 3) \
    X(SHORT_BINBYTES, 0x43, 3) \
    X(FLOAT, 0x46, 0) \
    X(BINFLOAT, 0x47, 1) \
    X(INT, 0x49, 0) \
    X(BININT, 0x4a, 1) \
    X(BININT1, 0x4b, 1) \
    X(LONG, 0x4c, 0) \
    X(BININT2, 0x4d, 1) \
    X(NONE, 0x4e, 0) \
    X(PERSID, 0x50, 0) \
    X(BINPERSID, 0x51, 1) \
    X(REDUCE, 0x52, 0) \
    X(STRING, 0x53, 0) \
    X(BINSTRING, 0x54, 1) \
    X(SHORT_BINSTRING, 0x55, 1) \
    X(UNICODE, 0x56, 0) \
    X(BINUNICODE, 0x58, 1) \
    X(EMPTY_LIST, 0x5d, 1) \
    X(APPEND, 0x61, 0) \
    X(BUILD, 0x62, 0) \
    X(GLOBAL, 0x63, 0) \
    X(DICT, 0x64, 0) \
    X(APPENDS, 0x65, 1) \
    X(GET, 0x67, 0) \
    X(BINGET, 0x68, 1) \
    X(INST, 0x69, 0) \
    X(LONG_BINGET, 0x6a, 1) \
    X(LIST, 0x6c, 0) \
    X(OBJ, 0x6f, 1) \
    X(PUT, 0x70, 0) \
    X(BINPUT, 0x71, 1) \
    X(LONG_BINPUT, 0x72, 1) \
    X(SETITEM, 0x73, 0) \
    X(TUPLE, 0x74, 0) \
    X(SETITEMS, 0x75, 1) \
    X(EMPTY_DICT, 0x7d, 1) \
    X(PROTO, 0x80, 2) \
    X(NEWOBJ, 0x81, 2) \
    X(EXT1, 0x82, 2) \
    X(EXT2, 0x83, 2) \
    X(EXT4, 0x84, 2) \
    X(TUPLE1, 0x85, 2) \
    X(TUPLE2, 0x86, 2) \
    X(TUPLE3, 0x87, 2) \
    X(NEWTRUE, 0x88, 2) \
    X(NEWFALSE, 0x89, 2) \
    X(LONG1, 0x8a, 2) \
    X(LONG4, 0x8b, 2) \
    X(SHORT_BINUNICODE, 0x8c, 4) \
    X(BINUNICODE8, 0x8d, 4) \
    X(BINBYTES8, 0x8e, 4) \
    X(EMPTY_SET, 0x8f, 4) \
    X(ADDITEMS, 0x90, 4) \
    X(FROZENSET, 0x91, 4) \
    X(NEWOBJ_EX, 0x92, 4) \
    X(STACK_GLOBAL, 0x93, 4) \
    X(MEMOIZE, 0x94, 4) \
    X(FRAME, 0x95, 4) \
    X(BYTEARRAY8, 0x96, 5) \
    X(NEXT_BUFFER, 0x97, 5) \
    X(READONLY_BUFFER, 0x98, 5)

enum opcode {
#define X(name, byte, protocol) OP_##name = byte,
    OPCODES(X)
#undef X
};

/* Limits of the format. */
enum {
    HIGHEST_PROTOCOL = 5,
    BATCH_SIZE = 1000,            /* items per APPENDS, SETITEMS, ADDITEMS */
    FRAME_SIZE_TARGET = 64 * 1024, /* a frame is closed at the first boundary past this many bytes */
    FRAME_SIZE_MIN = 4,           /* fewer bytes go without a frame */
    FRAME_HEADER_SIZE = 9         /* FRAME and its 8-byte length */
};

#endif
