//! XXH3 (64 bits) of many texts with one seed: the secret that belongs to the seed is derived once.
//!
//! Texts of up to 240 bytes are hashed by the standard library.

const std = @import("std");

const secret_bytes = 192;
const stripe_bytes = 64;
const stripes_per_block = (secret_bytes - stripe_bytes) / 8;
const block_bytes = stripe_bytes * stripes_per_block;
const short_bytes = 240;
const Pair = @Vector(2, u64);

const prime32 = [3]u64{ 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D };
const prime64 = [5]u64{
    0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5,
};
/// Secret of the specification.
const default_secret: [secret_bytes]u8 = .{
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
    0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
    0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
    0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
    0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
    0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
    0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
    0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
    0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
    0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
    0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
    0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
};

pub const Hasher = struct {
    seed: u64,
    secret: [secret_bytes]u8,

    pub fn init(seed: u64) Hasher {
        var hasher = Hasher{ .seed = seed, .secret = default_secret };
        for (0..secret_bytes / 16) |index| {
            const low = readInt(&default_secret, 16 * index) +% seed;
            const high = readInt(&default_secret, 16 * index + 8) -% seed;
            std.mem.writeInt(u64, hasher.secret[16 * index ..][0..8], low, .little);
            std.mem.writeInt(u64, hasher.secret[16 * index + 8 ..][0..8], high, .little);
        }
        return hasher;
    }

    pub inline fn hash(self: *const Hasher, text: []const u8) u64 {
        if (text.len <= short_bytes) return std.hash.XxHash3.hash(self.seed, text);
        return self.hashLong(text);
    }

    fn hashLong(self: *const Hasher, text: []const u8) u64 {
        var sums = [4]Pair{
            .{ prime32[2], prime64[0] }, .{ prime64[1], prime64[2] },
            .{ prime64[3], prime32[1] }, .{ prime64[4], prime32[0] },
        };
        const blocks = (text.len - 1) / block_bytes;
        for (0..blocks) |block| {
            self.addStripes(&sums, text[block * block_bytes ..], stripes_per_block);
            self.scramble(&sums);
        }
        self.addStripes(&sums, text[blocks * block_bytes ..], (text.len - 1 - block_bytes * blocks) / stripe_bytes);
        addStripe(&sums, text[text.len - stripe_bytes ..][0..stripe_bytes], self.secret[121..][0..stripe_bytes]);
        return self.merge(&sums, text.len);
    }

    inline fn addStripes(self: *const Hasher, sums: *[4]Pair, text: []const u8, count: usize) void {
        for (0..count) |index| {
            const stripe = text[index * stripe_bytes ..][0..stripe_bytes];
            addStripe(sums, stripe, self.secret[index * 8 ..][0..stripe_bytes]);
        }
    }

    inline fn scramble(self: *const Hasher, sums: *[4]Pair) void {
        inline for (0..4) |index| {
            const key: Pair = @bitCast(self.secret[secret_bytes - stripe_bytes + 16 * index ..][0..16].*);
            sums[index] = (sums[index] ^ (sums[index] >> @splat(47)) ^ key) *% @as(Pair, @splat(prime32[0]));
        }
    }

    inline fn merge(self: *const Hasher, sums: *const [4]Pair, length: usize) u64 {
        var result = @as(u64, length) *% prime64[0];
        inline for (0..4) |index| {
            const low = sums[index][0] ^ readInt(&self.secret, 11 + 16 * index);
            const high = sums[index][1] ^ readInt(&self.secret, 19 + 16 * index);
            const product = @as(u128, low) * high;
            result +%= @as(u64, @truncate(product)) ^ @as(u64, @truncate(product >> 64));
        }
        result ^= result >> 37;
        result *%= 0x165667919E3779F9;
        return result ^ (result >> 32);
    }
};

inline fn readInt(bytes: []const u8, at: usize) u64 {
    return std.mem.readInt(u64, bytes[at..][0..8], .little);
}

inline fn addStripe(sums: *[4]Pair, stripe: *const [stripe_bytes]u8, secret: *const [stripe_bytes]u8) void {
    inline for (0..4) |index| {
        const data: Pair = @bitCast(stripe[16 * index ..][0..16].*);
        const key = data ^ @as(Pair, @bitCast(secret[16 * index ..][0..16].*));
        sums[index] +%= @shuffle(u64, data, undefined, [2]i32{ 1, 0 });
        sums[index] +%= (key & @as(Pair, @splat(0xffffffff))) *% (key >> @splat(32));
    }
}
