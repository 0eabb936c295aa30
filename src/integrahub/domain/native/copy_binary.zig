//! Writer of rows in PostgreSQL's binary format of COPY.

const std = @import("std");
const scanner = @import("scanner.zig");

const numeric_oid = 1700;
const negative_sign = 0x4000;
const null_length = -1;

/// Decimal places of the numbers that `Writer.numeric` takes.
pub const scale_digits = 4;

pub const Writer = struct {
    room: []u8,
    length: usize = 0,

    pub inline fn int(self: *Writer, comptime T: type, number: T) void {
        std.mem.writeInt(T, self.room[self.length..][0..@sizeOf(T)], number, .big);
        self.length += @sizeOf(T);
    }

    pub inline fn nullField(self: *Writer) void {
        self.int(i32, null_length);
    }

    pub inline fn integer(self: *Writer, number: i32) void {
        self.int(i32, 4);
        self.int(i32, number);
    }

    pub inline fn bigint(self: *Writer, number: i64) void {
        self.int(i32, 8);
        self.int(i64, number);
    }

    pub inline fn bytes(self: *Writer, field: []const u8) void {
        self.int(i32, @intCast(field.len));
        @memcpy(self.room[self.length..][0..field.len], field);
        self.length += field.len;
    }

    /// Reserve the length of a field whose size is not known yet; `endField` writes it.
    pub inline fn beginField(self: *Writer) usize {
        const begin = self.length;
        self.length += 4;
        return begin;
    }

    pub inline fn endField(self: *Writer, begin: usize) void {
        std.mem.writeInt(i32, self.room[begin..][0..4], @intCast(self.length - begin - 4), .big);
    }

    /// Write a number, given in ten thousandths, as numeric with `places` decimals.
    pub inline fn numeric(self: *Writer, scaled: i64, places: u8) void {
        const begin = self.beginField();
        const magnitude = @abs(scaled);
        const whole = magnitude / 10_000;
        const groups = [4]u16{
            @intCast(whole / 100_000_000), @intCast(whole / 10_000 % 10_000),
            @intCast(whole % 10_000),      @intCast(magnitude % 10_000),
        };
        var first: usize = 0;
        while (first < groups.len and groups[first] == 0) first += 1;
        var end: usize = groups.len;
        while (end > first and groups[end - 1] == 0) end -= 1;
        self.int(u16, @intCast(end - first));
        self.int(i16, if (first == groups.len) 0 else 2 - @as(i16, @intCast(first)));
        self.int(u16, if (scaled < 0) negative_sign else 0);
        self.int(u16, places);
        for (groups[first..end]) |group| self.int(u16, group);
        self.endField(begin);
    }

    /// Write an array of one number, or an empty array.
    pub fn numericArray(self: *Writer, scaled: ?i64, places: u8) void {
        const begin = self.beginField();
        self.int(i32, if (scaled == null) 0 else 1);
        self.int(i32, 0);
        self.int(i32, numeric_oid);
        if (scaled) |number| {
            self.int(i32, 1);
            self.int(i32, 1);
            self.numeric(number, places);
        }
        self.endField(begin);
    }

    /// Write the text that a JSON text with escapes means, without a length; return it.
    pub fn unescaped(self: *Writer, text: []const u8) []u8 {
        const begin = self.length;
        var at: usize = 0;
        while (at < text.len) {
            const byte = text[at];
            at += 1;
            if (byte != '\\') {
                self.room[self.length] = byte;
                self.length += 1;
                continue;
            }
            const code = text[at];
            at += 1;
            if (code == 'u') {
                at = self.codePoint(text, at);
                continue;
            }
            self.room[self.length] = switch (code) {
                'b' => 0x08,
                'f' => 0x0c,
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                else => code,
            };
            self.length += 1;
        }
        return self.room[begin..self.length];
    }

    /// Write the code point whose digits begin at `start`; return the index after it.
    fn codePoint(self: *Writer, text: []const u8, start: usize) usize {
        var point = hexUnit(text, start);
        var end = start + 4;
        if (scanner.isHighSurrogate(point)) {
            point = 0x10000 + ((point - 0xd800) << 10) + (hexUnit(text, end + 2) - 0xdc00);
            end += 6;
        }
        self.length += std.unicode.utf8Encode(@intCast(point), self.room[self.length..]) catch unreachable;
        return end;
    }
};

/// Return the number of four hexadecimal digits, which the scanner has checked.
fn hexUnit(text: []const u8, at: usize) u32 {
    var unit: u32 = 0;
    for (text[at..][0..4]) |digit| unit = unit * 16 + (std.fmt.charToDigit(digit, 16) catch unreachable);
    return unit;
}
