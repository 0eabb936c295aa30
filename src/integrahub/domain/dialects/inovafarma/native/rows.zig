//! Rows: plain records of a chunk, checked and converted to binary COPY.

const std = @import("std");
const native = @import("native");
const keys = @import("keys.zig");
const values_of = @import("values.zig");
const Scanner = native.scanner.Scanner;
const Value = native.scanner.Value;
const Writer = native.copy_binary.Writer;

/// What becomes of a record. The binding has the same numbers.
pub const Action = enum(u8) { skip = 0, insert = 1, update_delta = 2, update_full = 3, _ };

/// Bytes of a row beyond those of its record, at most.
pub const max_extra_bytes = 400;

const table_fields = 4 + keys.column_count + 1; // pharmacy, batch, hash, product id; columns; `extra`
const blank_characters = " \t\r\n";

pub const Owner = struct { pharmacy: i64, batch: *const [16]u8, cnpj: []const u8, chunk_index: i32 };

pub const Chunk = struct { source: []const u8, ids: []const i64, hashes: []const i64, actions: []const u8 };

/// Write rows of new products to `new`, rows of the merge's stage to `staged`; null if any record is not plain.
pub fn encode(chunk: Chunk, owner: Owner, new: *Writer, staged: *Writer) ?void {
    var scan = Scanner{ .source = chunk.source };
    var order = keys.no_order;
    for (chunk.ids, chunk.hashes, chunk.actions, 0..) |id, hash, action, slot| {
        scan.skipBlanks();
        if (slot > 0) {
            scan.expect(',') orelse return null;
            scan.skipBlanks();
        }
        var values: keys.Values = @splat(.{});
        readRecord(&scan, &order, &values) orelse return null;
        const sent_id = keys.productId(scan.source, values[keys.product_id]) orelse return null;
        if (sent_id != @abs(id) or !isOwn(scan.source, values[keys.cnpj], owner.cnpj)) return null;
        const record = Record{ .source = scan.source, .values = &values };
        switch (@as(Action, @fromBackingInt(@intCast(action)))) {
            .skip => {},
            .insert => {
                new.int(i16, table_fields);
                record.write(new, .{ .id = id, .hash = hash, .is_whole = true, .needs_title = true }, owner) orelse
                    return null;
            },
            .update_delta, .update_full => |update| {
                const is_full = update == .update_full;
                staged.int(i16, table_fields + 1);
                staged.integer(owner.chunk_index);
                record.write(staged, .{ .id = id, .hash = hash, .is_whole = is_full, .needs_title = is_full }, owner) orelse
                    return null;
            },
            _ => return null,
        }
    }
    scan.skipBlanks();
    if (scan.at != chunk.source.len) return null;
}

/// Read the members of one record; null for an unknown or a repeated key.
inline fn readRecord(scan: *Scanner, order: *keys.Order, values: *keys.Values) ?void {
    var last: usize = keys.first_key;
    scan.expect('{') orelse return null;
    while (true) {
        scan.skipBlanks();
        scan.expect('"') orelse return null;
        const key = scan.key(&keys.names, order[last]) orelse return null;
        if (key >= keys.names.len or values[key].kind != .absent) return null;
        order[last] = key;
        last = key;
        scan.expectColon() orelse return null;
        values[key] = scan.value() orelse return null;
        if (scan.endMember() orelse return null) return;
    }
}

inline fn isOwn(source: []const u8, sent: Value, cnpj: []const u8) bool {
    return switch (sent.kind) {
        .absent, .null_value => true,
        .text => sent.start == sent.end or std.mem.eql(u8, sent.of(source), cnpj),
        else => false,
    };
}

/// `is_whole`: an absent text is empty; else it stays as it is in the table.
const Row = struct { id: i64, hash: i64, is_whole: bool, needs_title: bool };

const Record = struct {
    source: []const u8,
    values: *const keys.Values,

    fn write(self: Record, to: *Writer, row: Row, owner: Owner) ?void {
        to.bigint(owner.pharmacy);
        to.bytes(owner.batch);
        to.bigint(row.hash);
        to.bigint(row.id);
        self.title(to, row) orelse return null;
        for (1..keys.column_count) |column| switch (column) {
            1...9, 15 => self.text(to, column, row.is_whole) orelse return null,
            10, 11 => self.price(to, column, column == 10 and row.is_whole) orelse return null,
            12 => self.promotion(to, column, row.is_whole) orelse return null,
            13, 14, 16 => self.quantity(to, column) orelse return null,
            17, 18, 19 => self.time(to, column) orelse return null,
            else => unreachable,
        };
        to.nullField();
    }

    fn title(self: Record, to: *Writer, row: Row) ?void {
        const value = self.values[keys.title];
        const sent = value.of(self.source);
        const begin = to.beginField();
        switch (value.kind) {
            .text => append(to, trim(sent)),
            .escaped => {
                const stripped = trim(to.unescaped(sent));
                std.mem.copyForwards(u8, to.room[begin + 4 ..][0..stripped.len], stripped);
                to.length = begin + 4 + stripped.len;
            },
            .number => if (keys.isPlainInteger(sent)) append(to, sent) else return null,
            .absent, .null_value => {},
            .boolean => return null,
        }
        if (to.length > begin + 4) return to.endField(begin);
        if (row.needs_title) return null;
        to.length = begin;
        to.nullField();
    }

    inline fn text(self: Record, to: *Writer, column: usize, is_whole: bool) ?void {
        const value = self.values[column];
        const sent = value.of(self.source);
        switch (value.kind) {
            .text => to.bytes(sent),
            .escaped => {
                const begin = to.beginField();
                _ = to.unescaped(sent);
                to.endField(begin);
            },
            .number => if (keys.isPlainInteger(sent)) to.bytes(sent) else return null,
            .null_value => to.bytes(""),
            .absent => if (is_whole) to.bytes("") else to.nullField(),
            .boolean => return null,
        }
    }

    /// A negative price is rejected, and the blank price of a whole product gets a warning: both by the reference.
    fn price(self: Record, to: *Writer, column: usize, refuses_blank: bool) ?void {
        switch (values_of.number(self.source, self.values[column], 4) orelse return null) {
            .absent => to.nullField(),
            .blank => if (refuses_blank) return null else to.nullField(),
            .number => |number| {
                if (number.is_negative and number.is_nonzero) return null;
                to.numeric(number.scaled, 4);
            },
        }
    }

    fn promotion(self: Record, to: *Writer, column: usize, is_whole: bool) ?void {
        switch (values_of.number(self.source, self.values[column], 4) orelse return null) {
            .absent, .blank => if (is_whole) to.numericArray(null, 4) else to.nullField(),
            .number => |number| {
                if (number.is_negative and number.is_nonzero) return null;
                if (number.is_nonzero and number.scaled == 0) return null;
                to.numericArray(if (number.is_nonzero) number.scaled else null, 4);
            },
        }
    }

    fn quantity(self: Record, to: *Writer, column: usize) ?void {
        switch (values_of.number(self.source, self.values[column], 3) orelse return null) {
            .absent, .blank => to.nullField(),
            .number => |number| to.numeric(number.scaled, 3),
        }
    }

    fn time(self: Record, to: *Writer, column: usize) ?void {
        const value = self.values[column];
        switch (value.kind) {
            .absent, .null_value => to.nullField(),
            .text => if (value.start == value.end)
                to.nullField()
            else
                to.bigint(values_of.localTime(value.of(self.source)) orelse return null),
            else => return null,
        }
    }
};

inline fn append(to: *Writer, text: []const u8) void {
    @memcpy(to.room[to.length..][0..text.len], text);
    to.length += text.len;
}

inline fn trim(text: []const u8) []const u8 {
    return std.mem.trim(u8, text, blank_characters);
}
