//! Building blocks of a dialect's kernel. Nothing here knows any ERP.

pub const copy_binary = @import("copy_binary.zig");
pub const scanner = @import("scanner.zig");
pub const xxh3 = @import("xxh3.zig");
