//! Cut: where plain records begin and end, their product ids, and their hashes without INDICE.

const std = @import("std");
const native = @import("native");
const keys = @import("keys.zig");
const Scanner = native.scanner.Scanner;
const Hasher = native.xxh3.Hasher;

/// Why a cut ended. The binding has the same numbers.
pub const Status = enum(u8) { needs_more = 0, not_plain = 1, array_ended = 2, no_room = 3 };

pub const Request = struct {
    source: []const u8,
    start: usize,
    /// Whether a record may stand at `start`; if not, a comma or the end of the array must.
    at_record: bool,
    max_record: usize,
    seed: u64,
};

pub const Room = struct { starts: []u32, ends: []u32, ids: []i64, hashes: []i64 };

/// `end` is the index after the last record, or that of the bracket which ends the array.
pub const Result = struct { count: usize, end: usize, status: Status };

const max_scratch_bytes = 64 * 1024; // longer records with INDICE are not plain

pub fn cut(request: Request, room: Room) Result {
    var cutter = Cutter{
        .scan = .{ .source = request.source, .at = request.start },
        .hasher = Hasher.init(request.seed),
    };
    var result = Result{ .count = 0, .end = request.start, .status = .needs_more };
    var at_record = request.at_record;
    while (true) {
        cutter.scan.skipBlanks();
        if (!at_record) {
            const separator = cutter.scan.peek() orelse return result;
            if (separator != ',') {
                result.end = cutter.scan.at;
                result.status = if (separator == ']') .array_ended else .not_plain;
                return result;
            }
            cutter.scan.at += 1;
            cutter.scan.skipBlanks();
        }
        if (result.count == room.ids.len) {
            result.status = .no_room;
            return result;
        }
        const begin = cutter.scan.at;
        const record = cutter.next();
        if (record == null or cutter.scan.at - begin > request.max_record) {
            const may_go_on = cutter.scan.is_short and request.source.len - begin <= request.max_record;
            if (!may_go_on) result.status = .not_plain;
            return result;
        }
        room.starts[result.count] = @intCast(begin);
        room.ends[result.count] = @intCast(cutter.scan.at);
        room.ids[result.count] = record.?.id;
        room.hashes[result.count] = @bitCast(record.?.hash);
        result.count += 1;
        result.end = cutter.scan.at;
        at_record = false;
    }
}

const Record = struct { id: i64, hash: u64 };
const Span = struct { start: usize = 0, end: usize = 0 };

const Cutter = struct {
    scan: Scanner,
    hasher: Hasher,
    order: keys.Order = keys.no_order,
    scratch: [max_scratch_bytes]u8 = undefined,

    /// Read one record; return null for one that the reference could read differently.
    inline fn next(self: *Cutter) ?Record {
        const scan = &self.scan;
        const begin = scan.at;
        var seen: u32 = 0;
        var id: i64 = 0;
        var indice = Span{};
        var last: usize = keys.first_key;
        scan.expect('{') orelse return null;
        while (true) {
            scan.skipBlanks();
            const key_start = scan.at;
            scan.expect('"') orelse return null;
            const key = scan.key(&keys.names, self.order[last]) orelse return null;
            const key_end = scan.at - 1;
            scan.expectColon() orelse return null;
            const value = scan.value() orelse return null;
            if (key == native.scanner.unknown_key) {
                if (mayBeKnown(scan.source[key_start + 1 .. key_end])) return null;
            } else {
                self.order[last] = key;
                last = key;
                const bit = @as(u32, 1) << @intCast(key);
                if (seen & bit != 0) return null;
                seen |= bit;
                if (key == keys.product_id) id = keys.productId(scan.source, value) orelse return null;
                if (key == keys.indice) {
                    if (!isBareIndice(scan.source, key_end, value)) return null;
                    indice = .{ .start = key_start, .end = value.end };
                }
            }
            if (scan.endMember() orelse return null) break;
        }
        if (id == 0) return null;
        const hash = self.hashWithout(begin, scan.at, indice) orelse return null;
        return .{ .id = id, .hash = hash };
    }

    /// Hash a record without INDICE. As in the reference INDICE counts if a text holds an opening bracket.
    inline fn hashWithout(self: *Cutter, begin: usize, end: usize, indice: Span) ?u64 {
        const source = self.scan.source;
        const text = source[begin..end];
        if (indice.end == 0 or native.scanner.hasOpeningBracket(text[1..])) return self.hasher.hash(text);
        const head = source[begin..indice.start];
        const tail = source[indice.end..end];
        if (head.len + tail.len > self.scratch.len) return null;
        @memcpy(self.scratch[0..head.len], head);
        @memcpy(self.scratch[head.len..][0..tail.len], tail);
        return self.hasher.hash(self.scratch[0 .. head.len + tail.len]);
    }
};

/// Return whether INDICE is a plain integer without blanks around it, as ERPs write it.
inline fn isBareIndice(source: []const u8, key_end: usize, value: native.scanner.Value) bool {
    if (value.kind != .number or value.start != key_end + 2) return false;
    if (!keys.isPlainInteger(value.of(source))) return false;
    return source[value.end] == ',' or source[value.end] == '}';
}

/// Return whether the reference may read an unknown key as a known one: it ignores case, also beyond ASCII.
fn mayBeKnown(sent: []const u8) bool {
    for (sent) |byte| if (byte >= 0x80) return true;
    for (keys.names) |name| if (std.ascii.eqlIgnoreCase(name, sent)) return true;
    return false;
}
