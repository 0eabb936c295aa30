//! Numbers and times as ERPs write them, where they can be read in one way only.

const std = @import("std");
const scanner = @import("native").scanner;
const Value = scanner.Value;

/// Digits that a double represents exactly: the reference reads numbers as doubles.
const max_digits = 15;
/// Numbers from a billion on need the reference. In ten thousandths.
const max_scaled = 10_000_000_000_000;
/// Bytes of a number in text, with its sign: the reference reads no longer one. values.py has the same number.
const max_text_length = 100;

pub const Number = struct {
    /// The number in ten thousandths, rounded half away from zero to its column's places.
    scaled: i64,
    /// Whether the number was sent with a digit other than 0.
    is_nonzero: bool,
    is_negative: bool,
};

pub const Read = union(enum) { absent, blank, number: Number };

const powers_of_ten = blk: {
    var powers: [max_digits + 1]i64 = undefined;
    powers[0] = 1;
    for (1..powers.len) |index| powers[index] = powers[index - 1] * 10;
    break :blk powers;
};

/// Read a JSON number, or a number in text with one decimal point or comma.
pub inline fn number(source: []const u8, value: Value, places: u8) ?Read {
    switch (value.kind) {
        .absent, .null_value => return .absent,
        .number, .text => {},
        .escaped, .boolean => return null,
    }
    const is_text = value.kind == .text;
    var text = value.of(source);
    if (text.len == 0) return .blank;
    if (is_text and text.len > max_text_length) return null;
    const is_negative = text[0] == '-';
    if (is_negative) text = text[1..];
    if (is_text and !isPlainText(text)) return null;
    const digits = read(text, is_text) orelse return null;
    const scaled = round(digits, places) orelse return null;
    return .{ .number = .{
        .scaled = if (is_negative) -scaled else scaled,
        .is_nonzero = digits.all != 0,
        .is_negative = is_negative,
    } };
}

/// Return whether a number in text has one meaning: "1.234" may be a thousand times 1.234.
inline fn isPlainText(text: []const u8) bool {
    if (text.len == 0 or !std.ascii.isDigit(text[0]) or !std.ascii.isDigit(text[text.len - 1])) return false;
    return text.len < 4 or text[text.len - 4] != '.';
}

const Digits = struct { all: i64, fraction: usize };

inline fn read(text: []const u8, accepts_comma: bool) ?Digits {
    var digits = Digits{ .all = 0, .fraction = 0 };
    var count: usize = 0;
    var in_fraction = false;
    for (text) |byte| switch (byte) {
        '0'...'9' => {
            if (digits.all > 0 or byte != '0') count += 1;
            if (in_fraction) digits.fraction += 1;
            if (count > max_digits or digits.fraction > max_digits) return null;
            digits.all = digits.all * 10 + (byte - '0');
        },
        '.', ',' => {
            if (in_fraction or (byte == ',' and !accepts_comma)) return null;
            in_fraction = true;
        },
        else => return null,
    };
    return digits;
}

inline fn round(digits: Digits, places: u8) ?i64 {
    var all = digits.all;
    var fraction = digits.fraction;
    if (fraction > places) {
        const unit = powers_of_ten[fraction - places];
        all = @divTrunc(all + @divTrunc(unit, 2), unit);
        fraction = places;
    }
    if (all >= max_scaled) return null;
    const scaled = all * powers_of_ten[4 - fraction];
    return if (scaled < max_scaled) scaled else null;
}

const micros_per_second = 1_000_000;
const days_from_0000_03_01_to_2000 = 730_425;

/// Return the microseconds since 2000 of `YYYY-MM-DDTHH:MM:SS`, with 3 or 6 decimals or none.
pub inline fn localTime(text: []const u8) ?i64 {
    if (text.len != 19 and text.len != 23 and text.len != 26) return null;
    if (text[4] != '-' or text[7] != '-' or text[10] != 'T' or text[13] != ':' or text[16] != ':') return null;
    const century = twoDigits(text, 0) orelse return null;
    const year = century * 100 + (twoDigits(text, 2) orelse return null);
    const month = twoDigits(text, 5) orelse return null;
    const day = twoDigits(text, 8) orelse return null;
    const hour = twoDigits(text, 11) orelse return null;
    const minute = twoDigits(text, 14) orelse return null;
    const second = twoDigits(text, 17) orelse return null;
    const last_day = lastDay(year, month) orelse return null;
    if (year < 1 or day < 1 or day > last_day or hour > 23 or minute > 59 or second > 59) return null;
    const micros = if (text.len == 19) 0 else microseconds(text[19..]) orelse return null;
    const seconds = daysSince2000(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    return seconds * micros_per_second + micros;
}

inline fn twoDigits(text: []const u8, at: usize) ?i64 {
    const tens = text[at] -% '0';
    const ones = text[at + 1] -% '0';
    return if (tens < 10 and ones < 10) @as(i64, tens) * 10 + ones else null;
}

inline fn lastDay(year: i64, month: i64) ?i64 {
    const is_leap = @rem(year, 4) == 0 and (@rem(year, 100) != 0 or @rem(year, 400) == 0);
    return switch (month) {
        1, 3, 5, 7, 8, 10, 12 => 31,
        4, 6, 9, 11 => 30,
        2 => if (is_leap) 29 else 28,
        else => null,
    };
}

/// Return the microseconds of `.mmm` or `.mmmmmm`.
inline fn microseconds(text: []const u8) ?i64 {
    if (text[0] != '.') return null;
    var micros: i64 = 0;
    for (text[1..]) |digit| {
        if (digit < '0' or digit > '9') return null;
        micros = micros * 10 + (digit - '0');
    }
    return if (text.len == 4) micros * 1000 else micros;
}

/// Count days of the Gregorian calendar in years that begin in March, so that a leap day is the last one.
inline fn daysSince2000(year: i64, month: i64, day: i64) i64 {
    const march_year = if (month > 2) year else year - 1;
    const march_month = if (month > 2) month - 3 else month + 9;
    const era = @divFloor(march_year, 400);
    const of_era = march_year - era * 400;
    const days = of_era * 365 + @divTrunc(of_era, 4) - @divTrunc(of_era, 100);
    return era * 146_097 + days + @divTrunc(153 * march_month + 2, 5) + day - 1 - days_from_0000_03_01_to_2000;
}
