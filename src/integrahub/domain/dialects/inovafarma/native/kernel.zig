//! Kernel of the dialect: plain records are cut, identified, hashed and converted here, all others in Python.
//!
//! Built in ReleaseSafe: every index and every sum is checked, and a fault ends the process. No heap, no libc.
//! The Python reference defines what a record means. This file must read a record as the reference does, or refuse it.

const std = @import("std");
const native = @import("native");
const cutting = @import("cut.zig");
const rows = @import("rows.zig");
const built_from = @import("built_from"); // written by hatch_build.py

/// Increase it with every change of the exported functions; kernel.py has the same number.
const abi_version: u32 = 1;

pub const CutCall = extern struct {
    source: [*]const u8,
    length: usize,
    start: usize,
    max_record: usize,
    seed: u64,
    room: usize,
    starts: [*]u32,
    ends: [*]u32,
    ids: [*]i64,
    hashes: [*]i64,
    end: usize,
    at_record: u8,
    status: u8,
};

pub const RowsCall = extern struct {
    source: [*]const u8,
    length: usize,
    count: usize,
    ids: [*]const i64,
    hashes: [*]const i64,
    actions: [*]const u8,
    pharmacy: i64,
    batch: *const [16]u8,
    cnpj: [*]const u8,
    cnpj_length: usize,
    new: [*]u8,
    new_room: usize,
    staged: [*]u8,
    staged_room: usize,
    new_length: usize,
    staged_length: usize,
    chunk_index: i32,
};

/// Version and layout of the calls, and the digest of these sources: the binding refuses a library with others.
export fn integrahub_kernel_layout(index: u32) callconv(.c) u32 {
    return switch (index) {
        0 => abi_version,
        1 => @sizeOf(CutCall),
        2 => @sizeOf(RowsCall),
        3 => rows.max_extra_bytes,
        4 => built_from.digest,
        else => 0,
    };
}

/// Cut records out of a part of a body; return their number.
export fn integrahub_kernel_cut(call: *CutCall) callconv(.c) usize {
    const room = call.room;
    const request = cutting.Request{
        .source = call.source[0..call.length],
        .start = call.start,
        .at_record = call.at_record != 0,
        .max_record = call.max_record,
        .seed = call.seed,
    };
    const result = cutting.cut(request, .{
        .starts = call.starts[0..room],
        .ends = call.ends[0..room],
        .ids = call.ids[0..room],
        .hashes = call.hashes[0..room],
    });
    call.end = result.end;
    call.status = @backingInt(result.status);
    return result.count;
}

/// Convert the records of a chunk; return 1, or 0 if any record is not plain.
export fn integrahub_kernel_rows(call: *RowsCall) callconv(.c) u8 {
    var new = native.copy_binary.Writer{ .room = call.new[0..call.new_room] };
    var staged = native.copy_binary.Writer{ .room = call.staged[0..call.staged_room] };
    const chunk = rows.Chunk{
        .source = call.source[0..call.length],
        .ids = call.ids[0..call.count],
        .hashes = call.hashes[0..call.count],
        .actions = call.actions[0..call.count],
    };
    const owner = rows.Owner{
        .pharmacy = call.pharmacy,
        .batch = call.batch,
        .cnpj = call.cnpj[0..call.cnpj_length],
        .chunk_index = call.chunk_index,
    };
    rows.encode(chunk, owner, &new, &staged) orelse return 0;
    call.new_length = new.length;
    call.staged_length = staged.length;
    return 1;
}

/// Fault on purpose, as an index out of bounds would: for the test that a fault costs no record.
export fn integrahub_kernel_fault(index: usize) callconv(.c) u8 {
    const room = [_]u8{0};
    return room[index];
}
