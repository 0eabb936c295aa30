//! Scanner of flat JSON objects: the tokens that every JSON reader reads alike.
//!
//! Each function returns null for all else. Then `is_short` says whether more bytes may change that.

const std = @import("std");

const lane_bytes = 16;
const Lane = @Vector(lane_bytes, u8);
const LaneMask = u16;

/// A value of a key. `escaped` is a text with a backslash; `start` and `end` exclude the quotes of texts.
pub const Kind = enum(u8) { absent, null_value, text, escaped, number, boolean };
pub const Value = struct {
    kind: Kind = .absent,
    start: u32 = 0,
    end: u32 = 0,

    pub inline fn of(self: Value, source: []const u8) []const u8 {
        return source[self.start..self.end];
    }
};

/// Code of a key that is not in the list of known names.
pub const unknown_key: u8 = 255;

pub const Scanner = struct {
    source: []const u8,
    at: usize = 0,
    is_short: bool = false,

    pub inline fn peek(self: *Scanner) ?u8 {
        if (self.at < self.source.len) return self.source[self.at];
        self.is_short = true;
        return null;
    }

    pub inline fn skipBlanks(self: *Scanner) void {
        while (self.at < self.source.len) : (self.at += 1) switch (self.source[self.at]) {
            ' ', '\n', '\t', '\r' => {},
            else => return,
        };
    }

    pub inline fn expect(self: *Scanner, byte: u8) ?void {
        const found = self.peek() orelse return null;
        if (found != byte) return null;
        self.at += 1;
    }

    /// Skip `:` and the blanks around it.
    pub inline fn expectColon(self: *Scanner) ?void {
        self.skipBlanks();
        self.expect(':') orelse return null;
        self.skipBlanks();
    }

    /// Skip what follows a member; return whether the object ended.
    pub inline fn endMember(self: *Scanner) ?bool {
        self.skipBlanks();
        const found = self.peek() orelse return null;
        if (found != ',' and found != '}') return null;
        self.at += 1;
        return found == '}';
    }

    const Text = struct { start: usize, end: usize, is_escaped: bool };

    /// Scan a text whose opening quote was skipped: no control characters, valid UTF-8, valid escapes.
    pub inline fn text(self: *Scanner) ?Text {
        const start = self.at;
        var is_escaped = false;
        var is_wide = false;
        while (true) {
            if (self.skipPlainLane()) continue;
            switch (self.peek() orelse return null) {
                '"' => break,
                '\\' => {
                    is_escaped = true;
                    self.escape() orelse return null;
                },
                0...0x1f => return null,
                0x80...0xff => {
                    is_wide = true;
                    self.at += 1;
                },
                else => self.at += 1,
            }
        }
        const end = self.at;
        self.at += 1;
        if (is_wide and !std.unicode.utf8ValidateSlice(self.source[start..end])) return null;
        return .{ .start = start, .end = end, .is_escaped = is_escaped };
    }

    /// Skip up to the next byte of a text that needs a look; return true if a whole lane held none.
    inline fn skipPlainLane(self: *Scanner) bool {
        if (self.at + lane_bytes > self.source.len) return false;
        const lane: Lane = self.source[self.at..][0..lane_bytes].*;
        const special = mask(lane == @as(Lane, @splat('"'))) | mask(lane == @as(Lane, @splat('\\'))) |
            mask(lane < @as(Lane, @splat(0x20))) | mask(lane >= @as(Lane, @splat(0x80)));
        if (special != 0) {
            self.at += @ctz(special);
            return false;
        }
        self.at += lane_bytes;
        return true;
    }

    /// Skip one escape. NUL and halves of surrogate pairs are refused: readers differ on them.
    fn escape(self: *Scanner) ?void {
        self.at += 1;
        const code = self.peek() orelse return null;
        self.at += 1;
        switch (code) {
            '"', '\\', '/', 'b', 'f', 'n', 'r', 't' => {},
            'u' => {
                const unit = self.hexUnit() orelse return null;
                if (unit == 0 or isLowSurrogate(unit)) return null;
                if (!isHighSurrogate(unit)) return;
                self.expect('\\') orelse return null;
                self.expect('u') orelse return null;
                const low = self.hexUnit() orelse return null;
                if (!isLowSurrogate(low)) return null;
            },
            else => return null,
        }
    }

    fn hexUnit(self: *Scanner) ?u32 {
        var unit: u32 = 0;
        for (0..4) |_| {
            const digit = std.fmt.charToDigit(self.peek() orelse return null, 16) catch return null;
            unit = unit * 16 + digit;
            self.at += 1;
        }
        return unit;
    }

    inline fn digits(self: *Scanner) void {
        while (self.at < self.source.len and std.ascii.isDigit(self.source[self.at])) self.at += 1;
    }

    /// Skip a number without an exponent. A number at the end of the source may go on.
    inline fn number(self: *Scanner) ?void {
        if (self.peek() == '-') self.at += 1;
        switch (self.peek() orelse return null) {
            '0' => self.at += 1,
            '1'...'9' => self.digits(),
            else => return null,
        }
        if (self.peek() == '.') {
            self.at += 1;
            const before = self.at;
            self.digits();
            if (self.at == before) {
                _ = self.peek();
                return null;
            }
        }
        switch (self.peek() orelse return null) {
            ',', '}', ' ', '\t', '\r', '\n' => {},
            else => return null,
        }
    }

    inline fn word(self: *Scanner, comptime expected: []const u8) ?void {
        inline for (expected) |byte| self.expect(byte) orelse return null;
    }

    /// Scan a value that is no object and no array.
    pub inline fn value(self: *Scanner) ?Value {
        const start = self.at;
        const kind: Kind = switch (self.peek() orelse return null) {
            '"' => {
                self.at += 1;
                const found = self.text() orelse return null;
                const kind: Kind = if (found.is_escaped) .escaped else .text;
                return .{ .kind = kind, .start = @intCast(found.start), .end = @intCast(found.end) };
            },
            '-', '0'...'9' => number: {
                self.number() orelse return null;
                break :number .number;
            },
            'n' => null_value: {
                self.word("null") orelse return null;
                break :null_value .null_value;
            },
            't' => yes: {
                self.word("true") orelse return null;
                break :yes .boolean;
            },
            'f' => no: {
                self.word("false") orelse return null;
                break :no .boolean;
            },
            else => return null,
        };
        return .{ .kind = kind, .start = @intCast(start), .end = @intCast(self.at) };
    }

    /// Scan a key whose opening quote was skipped; return its index in `names`. `guess` is compared first.
    pub inline fn key(self: *Scanner, comptime names: []const []const u8, guess: u8) ?u8 {
        if (guess < names.len) {
            const name = names[guess];
            const end = self.at + name.len;
            if (end < self.source.len and self.source[end] == '"' and
                std.mem.eql(u8, self.source[self.at..end], name))
            {
                self.at = end + 1;
                return guess;
            }
        }
        const found = self.text() orelse return null;
        if (found.is_escaped) return null;
        const sent = self.source[found.start..found.end];
        for (names, 0..) |name, index| if (std.mem.eql(u8, sent, name)) return @intCast(index);
        return unknown_key;
    }
};

inline fn mask(matches: @Vector(lane_bytes, bool)) LaneMask {
    return @bitCast(matches);
}

pub fn isHighSurrogate(unit: u32) bool {
    return unit >= 0xd800 and unit <= 0xdbff;
}

pub fn isLowSurrogate(unit: u32) bool {
    return unit >= 0xdc00 and unit <= 0xdfff;
}

/// Return whether a text holds a bracket that opens an object or an array.
pub fn hasOpeningBracket(source: []const u8) bool {
    var at: usize = 0;
    while (at + lane_bytes <= source.len) : (at += lane_bytes) {
        const lane: Lane = source[at..][0..lane_bytes].*;
        if (mask(lane == @as(Lane, @splat('{'))) | mask(lane == @as(Lane, @splat('['))) != 0) return true;
    }
    for (source[at..]) |byte| if (byte == '{' or byte == '[') return true;
    return false;
}
